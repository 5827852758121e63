"""docs/howto/evaluate_predict_report.md: the keys and the files of a report are those that are."""

from __future__ import annotations

import re

from pages import DOCS, blocks

from groundup.report.command import KEYS
from groundup.report.files import KINDS, MARKDOWN, PAGE

HOWTO = DOCS / "howto" / "evaluate_predict_report.md"


def test_the_keys_of_a_report_are_those_of_its_table():
    section = HOWTO.read_text().split("## Report")[1].split("| key | meaning |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == KEYS


def test_the_files_of_a_report_are_those_shown():
    [shown] = [block.text for block in blocks(HOWTO) if block.text.startswith("report/\n")]
    names = re.findall(r"[\w*-]+\.(?:html|md|csv|png)", shown)
    assert [name for name in names if name.endswith(".csv")] == [f"{kind}.csv" for kind in KINDS]
    assert {PAGE, MARKDOWN} < set(names)
