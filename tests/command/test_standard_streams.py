"""A command whose standard streams are closed, as a scheduler may leave them."""

import subprocess
import sys

CLOSED = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
WRITES = """
import os, sys
file = open(sys.argv[1], "w")
os.write(1, b"to whoever listens")
file.write(repr(None if sys.stdin is None else sys.stdin.read()))
"""
OPENS = """
from groundup.command.standard_streams import open_closed_streams
open_closed_streams()
"""


def written(code, file):
    subprocess.run(["sh", "-c", CLOSED, sys.executable, code, file], check=False)
    return file.read_text()


def test_what_is_printed_into_closed_streams_lands_in_no_file(tmp_path):
    assert written(OPENS + WRITES, tmp_path / "x") == "''"
    assert written(WRITES, tmp_path / "control") != "''"  # Python alone
