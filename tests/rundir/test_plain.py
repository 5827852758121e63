"""Files of strangers: plain values, in bounded time and memory, or a refusal in words."""

from __future__ import annotations

import itertools
import os
import random

import pytest
import yaml

from groundup.rundir.plain import CONFIG_SIZE, DEPTH, Unreadable, parse_json, read_json, read_yaml, write_yaml

PLAIN = {"a": 1, "b": [1.5, True, None, "x", "2001-01-01", "1e-3", "=", "no"], "c": {"d": {}, "e": []}, "f": 1e-5}


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        file = tmp_path / "config.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(file)

    return read_text


def test_plain_values_come_back_as_they_were_written(read):
    assert read(write_yaml(PLAIN)) == PLAIN
    assert read(yaml.safe_dump(PLAIN)) == PLAIN


def test_an_object_in_two_places_is_written_twice_for_aliases_are_not_read(read):
    shared = [1, 2]
    text = write_yaml({"a": shared, "b": shared})
    assert read(text) == {"a": [1, 2], "b": [1, 2]}
    with pytest.raises(Unreadable, match=r"aliases \(\*id001\)"):
        read(yaml.safe_dump({"a": shared, "b": shared}))


BOMB = "a: &a [x, x]\n" + "\n".join(f"{b}: &{b} [*{a}, *{a}]" for a, b in itertools.pairwise("abcdefghijklmn"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "aliases"),
        ("&a [*a]", "aliases"),
        ("a: &a {b: *a}", "aliases"),
        ("[" * 900, "in one another"),
        ("- " * 10**5, "in one another"),
        ("[" * 10**5, "nesting"),
        ("a: !!python/name:os.system ''", "tags"),
        ("a: !!int ''", "tags"),  # PyYAML itself raises an IndexError
        ("a: 2001-99-99", "timestamp"),  # and a ValueError
        ("a: 0x" + "f" * 10**5, "digits"),
        ("a: " + "1:" * 10**5 + "1", "digits"),  # of base 60: minutes of multiplying
        ("{[a]: 1}", "unhashable"),
        ("a: [", "expected"),
        ("\x00", "control characters"),
        (b"\xff", "utf-8"),
        ("x" * CONFIG_SIZE + "x", "larger than 1 MiB"),
    ],
    ids=range(16),
)
def test_what_is_not_plain_is_refused_in_one_line(read, text, reason):
    with pytest.raises(Unreadable, match=reason) as refused:
        read(text)
    assert "\n" not in str(refused.value)


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(Unreadable, match="it is no file but"):
        read_json(tmp_path / "results.json")


def test_a_file_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(Unreadable, match="No such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(Unreadable, match="directory"):
        read_json(tmp_path)


@pytest.mark.parametrize("text", ["[" * 10**6, '{"a":' * 10**6, "[" * (DEPTH + 1) + "]" * (DEPTH + 1)])
def test_json_as_deep_as_a_well_is_refused(text):
    with pytest.raises(Unreadable, match=r"in one another|Expecting"):
        parse_json(text)


def test_json_is_read_to_its_depth_and_size(tmp_path):
    deep = "[" * DEPTH + "]" * DEPTH
    assert parse_json(deep)
    (tmp_path / "a.json").write_text(deep)
    assert read_json(tmp_path / "a.json", size=len(deep))
    with pytest.raises(Unreadable, match="larger than"):
        read_json(tmp_path / "a.json", size=len(deep) - 1)
    with pytest.raises(Unreadable, match="digits"):
        parse_json("1" * 10**4)


def test_mutants_are_read_or_refused(read):
    """Any other exception, or a value that is not plain, fails."""
    random.seed(0)
    text = write_yaml(PLAIN)
    pieces = [
        "&a ",
        "*a",
        "!!set ",
        "? ",
        "- ",
        "{",
        "[",
        ": ",
        "\t",
        "'",
        '"',
        "|",
        ">",
        "%",
        "@",
        "`",
        "<<",
        "~",
        "0x",
    ]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(500):
        mutant = list(text)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(mutant))
            mutant[at : at + random.randint(0, 3)] = random.choice([*pieces, chr(random.randrange(0x180))])
        try:
            content = read("".join(mutant))
        except Unreadable:
            outcomes["refused"] += 1
            continue
        outcomes["read"] += 1
        assert is_plain(content), content
    assert min(outcomes.values()) > 50


def is_plain(value):
    if isinstance(value, dict):
        return all(map(is_plain, [*value, *value.values()]))
    return all(map(is_plain, value)) if isinstance(value, list) else isinstance(value, str | int | float | None)
