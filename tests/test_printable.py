"""What somebody else has named reaches a terminal as text alone; columns and what is cut short."""

import logging
import os
import unicodedata

import pytest

from groundup.printable import PrintableFormatter, column_widths, in_columns, printable, shortened


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),  # a title, then an empty screen
        ("\x9b31mred", r"\x9b31mred"),  # the same escape as one character of C1
        ("over\rwritten\x08\x7f", r"over\rwritten\x08\x7f"),
        ("two\nlines\u2028or\x85more", r"two\nlines\u2028or\x85more"),
        ("cat\u202egnp.exe", r"cat\u202egnp.exe"),  # read by eye as `catexe.png`
        (os.fsdecode(b"caf\xe9.png"), r"caf\udce9.png"),  # Latin-1 in a file's name
    ],
)
def test_what_a_terminal_would_obey_is_escaped(name, shown):
    assert printable(name) == shown
    printable(name).encode()  # and can be printed


@pytest.mark.parametrize("name", ["café", "日本語", "نمی\u200cخوریم", "עברית", "👩\u200d🔬", "a b|c=d", r"C:\new"])
def test_letters_of_all_scripts_stay(name):
    assert printable(name) == name


def test_nothing_that_is_left_is_a_control_or_a_surrogate():
    text = printable("".join(map(chr, range(0x3000))) + "".join(map(chr, range(0xD700, 0xE100))))
    assert not {unicodedata.category(char) for char in text} & {"Cc", "Cs", "Zl", "Zp"}


def test_in_a_log_the_lines_of_a_message_stay_and_what_is_in_them_is_escaped():
    record = logging.makeLogRecord({"msg": "class %s\nof two", "args": ("\x1b[31mred",)})
    assert PrintableFormatter("%(message)s").format(record) == "class \\x1b[31mred\nof two"


def test_in_a_log_the_columns_of_a_table_stay():
    record = logging.makeLogRecord({"msg": "action\tseconds\nfit\t0.1"})
    assert PrintableFormatter("%(message)s").format(record) == "action\tseconds\nfit\t0.1"


def test_columns_are_as_wide_as_their_longest_cell_and_figures_stand_to_the_right():
    rows = [["name", "images", ""], ["a", "7", "x"], ["longer", "1,000", ""]]
    assert in_columns(rows, right=[1]) == ["name    images", "a            7  x", "longer   1,000"]
    assert in_columns(rows)[1] == "a       7       x"
    assert column_widths(rows) == [6, 6, 1]
    assert in_columns([]) == []


@pytest.mark.parametrize(("length", "shown"), [(5, "abcde"), (4, "abc…"), (1, "…")])
def test_a_text_that_is_too_long_ends_in_an_ellipsis(length, shown):
    assert shortened("abcde", length) == shown
