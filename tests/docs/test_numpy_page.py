"""docs/reference/numpy_nets.md: the network written by hand learns exclusive or, and prints what the page says."""

from __future__ import annotations

import re

from pages import DOCS, blocks

PAGE = DOCS / "reference" / "numpy_nets.md"
PRINTED = re.compile(r"^print\(.*  # (\[[\d ]+\]|True|[\d.]+|\([\d, ]+\))$", flags=re.MULTILINE)


def test_what_is_printed_is_what_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(block.text for block in blocks(PAGE) if block.language == "python")
    said = PRINTED.findall(text)
    assert "[0 1 1 0]" in said
    exec(compile(text, str(PAGE), "exec"), {"__name__": "page"})
    lines = iter(capsys.readouterr().out.splitlines())
    assert all(line in lines for line in said)  # in this order
