"""What a sweep says when nobody reads."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from groundup.command.tell import tell
tell("read")
input()
for line in ("said to nobody", "again"):
    tell(line)
print("of a job")
open("went_on", "w").close()
"""


def test_a_reader_that_has_gone_stops_nothing(tmp_path):
    pipe = subprocess.PIPE
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=pipe, stdout=pipe, stderr=pipe, cwd=tmp_path)
    assert program.stdout.readline() == b"read\n"
    program.stdout.close()
    program.stdin.write(b"\n")
    program.stdin.close()
    assert (program.wait(), program.stderr.read()) == (0, b"")
    assert (tmp_path / "went_on").exists()
