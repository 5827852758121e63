"""Paths reach Hydra as they were typed; a word that is no setting is answered with the sign that is wrong in it."""

from __future__ import annotations

from random import Random

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from groundup.command.grammar import literal, quoted, wrong
from groundup.errors import UserError
from groundup.printable import printable

parse = OverridesParser.create().parse_override


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")


PATHS = [
    "photos(1)", "a&b", "ünï", "日本", "a=b", "a;b", "a#b", "it's", '"open', 'a"b', "a!b", "a<b>", "a`b", "[x", "x]",
    "{x}", "C:\\new(1)", "C:\\data\\", "(\\", "\\'(", "\\\\'", "12", "1e3", "true", "a b", "x:y", "a/b-c.d", "%TEMP%",
    "$HOME", "\u200bx", "ä'\\", "https://host/ü",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_hydra_reads_the_path_that_was_typed(path):
    word = literal(f"data.root={path}")
    assert parse(word).value() == path
    assert literal(word) == word


@pytest.mark.parametrize(
    "name", ["03 lenet lr=0.01 seed=1", "3 mlp hidden_dims=[16,32]", "3 mlp hidden_dims=[16,3", "0 a,b=1"]
)
def test_the_directory_of_a_job_is_one_path(tmp_path, monkeypatch, name):
    (tmp_path / "s" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for word in (f"run=s/{name}", f"resume={tmp_path}/s/{name}", f"ckpt=s/{name}/../{name}"):
        assert parse(literal(word)).value() == word.partition("=")[2]
    assert parse(literal("init_from=s/a,s/b")).is_sweep_override()  # neither is there


@pytest.mark.parametrize("value", [*PATHS, "", "null", "a,b", "~", "'"])
def test_in_quotes_every_value_is_itself(value):
    assert parse(f"a={quoted(value)}").value() == value


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("data.root=~/d", "/home/me/d"),
        ("run=~", "/home/me"),
        ("hydra.run.dir=~/a (1)", "/home/me/a (1)"),
        ("+data.root=~/é", "/home/me/é"),
        ("resume=~nobody-of-this-name/x", "~nobody-of-this-name/x"),
        ("data.root=a~", "a~"),
    ],
)
def test_a_tilde_is_the_home_directory_as_in_a_shell(word, expected):
    assert parse(literal(word)).value() == expected


@pytest.mark.parametrize(
    "word",
    [
        *("data.root=a,b", "data.root=choice(a,b)", "data.root='~/d'", "data.root=null", "resume=auto", "data.root="),
        *("data.root=${oc.env:HOME}/ü", "model.name=a&b", "data.root", "-m", "seed=1", "data.batch_size=12"),
    ],
)
def test_what_hydra_can_read_and_what_is_no_path_stays(word):
    assert literal(word) == word


def test_each_of_several_paths_is_read():
    found = parse(literal("data.root=~/a,ü,c"))
    assert list(found.sweep_string_iterator()) == ["/home/me/a", "'ü'", "c"]


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
def test_a_directory_without_a_name_is_refused(key):
    with pytest.raises(UserError, match=f"{key}=: must be given"):
        literal(f"{key}=")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a.b=x&y", "& cannot stand there unquoted: \"a.b='x&y'\""),
        ("a.b=ünï", "ü and ï cannot stand there unquoted: \"a.b='ünï'\""),
        ("a.b=~/d", "~ cannot stand there unquoted"),
        ("a.b=x=y", "= cannot stand there unquoted: \"a.b='x=y'\""),
        ("a.b=“x”", "“ and ” cannot"),
        ("a.b=x\ny", "a line break cannot"),
        ("a.b='x&y'&z", "& cannot stand there unquoted"),
        ("a.b=it's", "' begins a quotation that does not end; as a part of the value: a.b='it\\'s'"),
        ("a.b=[1,2", "[ is not closed"),
        ("a.b=1]", "] closes what was not opened"),
        ("a.b=[1)", ") closes what was not opened"),
        ("a.b=range(0,3", "( is not closed"),
        ("a=b,", "there is nothing before or after a comma"),
        ("a=,b", "there is nothing before or after a comma"),
        ("a=[1,,2]", "there is nothing before or after a comma"),
        ("a.b=rang(0,3)", "did you mean range(...)"),
        ("a.b=(1,2)", "a list is written [a,b]"),
        ("a.b=range('x')", "range(...) does not take that"),
        ("a.b='x'y", "something stands beside a quotation"),
        ("a.b=[1]y", "something stands beside a list"),
        ("a.b={x}", "{ begins keys with values"),
        ("modèle=cnn", "è cannot be in a key"),
        (" seed=1", "a blank cannot be in a key"),
        ("=1", "there is no key before the sign ="),
        ("@x=1", "there is no key before the sign ="),
        ("seed+=1", "'seed+' is no key"),
        (".lr=1", "'.lr' is no key"),
        ("a..b=1", "'a..b' is no key"),
        ("model=cnn&data=mnist", "several are words of their own: model=cnn data=mnist"),
        ("seed=1 optimizer.lr=0.1", "several are words of their own: seed=1 optimizer.lr=0.1"),
        ("model", "did you mean model=VALUE?"),
        ("seed:1", "did you mean seed=1?"),
        ("seed 1", "did you mean seed=1?"),
        ("\u2013m", "\u2013 is no hyphen; did you mean -m?"),
        ("\u2014multirun", "\u2014 is no hyphen; did you mean --multirun?"),
        ("", "'': not a setting"),
    ],
)
def test_what_is_wrong_with_a_word_is_named(word, expected):
    message = wrong(word)
    assert "not a setting" in message
    assert expected in message
    message = message.replace("a list is written [a,b]", "")
    assert all(sign in word or sign not in message for sign in "&ü[~")  # of what is there alone


def test_whatever_is_typed_is_read_or_answered_in_a_line():
    random = Random(0)
    signs = "aé日~+@=,:;.&|<>()[]{}'\"\\$#!%^`* \t\n/-_019\u200b\x1b\udce9“"
    refused = 0
    for _ in range(2000):
        value = "".join(random.choices(signs, k=random.randint(0, 8)))
        word = random.choice(["seed=", "model=[", "data.root=range(", "~x.y=", "", "optimizer.lr"]) + value
        assert parse(f"a={quoted(value)}").value() == value or "${" in value
        try:
            parse(literal(word))
        except (HydraException, ValueError):
            refused += 1
            assert "\n" not in printable(wrong(word))
    assert refused > 1000


@pytest.mark.parametrize(("after", "before"), [("seed=", ""), ("seed=", "model=cnn")])
def test_blanks_around_the_sign_are_seen(after, before):
    assert "did you mean seed=1?" in wrong("1", after, before)


@pytest.mark.parametrize("before", ["=1", "=VALUE"])
def test_a_blank_before_the_sign_is_seen(before):
    assert f"did you mean seed{before}?" in wrong("seed", "", before)
