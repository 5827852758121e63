"""`groundup`: what it says without torch, and that it is the scripts in another spelling."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import groundup
from groundup.cli.main import COMMANDS, main
from groundup.command.place import Place
from groundup.paths import CONF, Home

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def console(monkeypatch, capsys, tmp_path):
    """Runs `groundup` in an empty folder; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.delenv("GROUNDUP_DATA", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["/somewhere/groundup", *words])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return code, out, err

    yield run
    Place.of_script(PROJECT / "train.py").settle()


def test_its_commands_are_there_a_line_each(console):
    code, out, err = console("--help")
    assert (code, err) == (0, "")
    for command in COMMANDS:
        [line] = [line for line in out.splitlines() if line.split()[:1] == [command]]
        assert f"groundup {command}" in line
        assert callable(importlib.import_module(f"groundup.cli.{command}").main)
    assert console() == (2, out, "")


def test_its_version_is_the_packages(console):
    assert console("--version") == (0, f"groundup {groundup.__version__}\n", "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("trian", "; did you mean groundup train?"), ("Evaluate", "; did you mean groundup evaluate?"), ("xyz", ".")],
)
def test_a_misspelt_command_is_answered_in_a_line(console, typed, said):
    code, out, err = console(typed, "model=cnn")
    assert (code, out) == (2, "")
    assert err == f"error: {typed}: there is no such command{said} Accepted: {', '.join(COMMANDS)}\n"


def test_what_needs_no_command_takes_no_hydra_and_no_torch():
    code = "import sys; from groundup.cli.main import main; sys.argv = ['groundup', '--version']\ntry: main()\n"
    code += "except SystemExit: pass\nprint(sorted({'hydra', 'torch', 'numpy', 'pydantic'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "export", "report", "measure"])
def test_help_names_the_command_as_it_was_typed(console, command):
    code, out, err = console(command, "--help")
    assert (code, err) == (0, "")
    assert f"  groundup {command} " in out
    assert "python " not in out
    assert ".py" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "modle=cnn"], "error: modle=cnn: there is no key 'modle'; did you mean model=cnn?"),
        (["train", "--foo"], "error: --foo: unknown option"),
        (["train", "--config-path=conf"], "error: --config-path=conf: no train.yaml in "),
        (["evaluate", "-m", "run=x"], "error: -m: groundup evaluate makes no sweeps; call it once for each value\n"),
        (["predict", "run=nowhere", "images=x"], "nowhere: no config.yaml there"),
        (["report", "--foo"], "error: --foo: unknown option; accepted: directories"),
    ],
)
def test_a_bad_request_is_answered_as_by_the_script(console, words, said):
    code, out, err = console(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_the_config_is_that_of_the_script_but_for_where_the_data_are(console, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shown = console("train", "model=lenet", "--cfg", "job", "--resolve")[1]
    assert f"root: {tmp_path}/cache/groundup/data" in shown
    monkeypatch.chdir(PROJECT)
    within = console("train", "model=lenet", "--cfg", "job", "--resolve")[1]
    assert within == shown.replace(f"{tmp_path}/cache/groundup/data", f"{PROJECT}/data")
    line = [sys.executable, "train.py", "model=lenet", "--cfg", "job", "--resolve"]
    assert subprocess.run(line, capture_output=True, text=True, cwd=PROJECT).stdout == within


def complete(console, monkeypatch, line: str) -> list[str]:
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    code, out, err = console("-sc", "query=bash")
    assert (code, err) == (0, "")
    return out.split()


def test_the_shell_completes_commands_and_what_comes_after(console, monkeypatch):
    assert complete(console, monkeypatch, "groundup ") == list(COMMANDS)
    assert complete(console, monkeypatch, "groundup tr") == ["train"]
    assert complete(console, monkeypatch, "groundup xyz") == []
    assert "model=cnn" in complete(console, monkeypatch, "groundup train model=c")
    assert complete(console, monkeypatch, "groundup evaluate ck") == ["ckpt="]
    assert complete(console, monkeypatch, "groundup report outputs/") == []


def test_the_shell_is_told_to_complete_groundup(console):
    for words in (["train", "-sc", "install=bash"], ["-sc", "install=bash"]):
        code, out, err = console(*words)
        assert (code, err) == (0, "")
        assert out.rstrip().endswith("-F hydra_bash_completion groundup")


def test_a_script_is_at_home_in_its_folder_with_its_own_configs_first(tmp_path):
    (tmp_path / "conf").mkdir()
    place = Place.of_script(tmp_path / "train.py", trust=["mine"])
    assert place.home == Home(tmp_path / "outputs", tmp_path / "data", tmp_path)
    assert place.confs == (tmp_path / "conf", CONF)
    assert place.trust == ("mine",)
    assert place.spell("evaluate") == "python evaluate.py"
    (tmp_path / "conf").rmdir()
    assert Place.of_script(tmp_path / "train.py").confs == (CONF,)
    assert Place.of_script(PROJECT / "train.py").confs == (PROJECT / "conf",)  # a link to the package's


def test_groundup_is_at_home_in_the_current_folder_but_within_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.delenv("GROUNDUP_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    home = Home.of_nobody()
    assert (home.outputs, home.project) == (tmp_path / "outputs", None)
    assert home.data_root() == f"{tmp_path}/me/.cache/groundup/data"
    monkeypatch.setenv("GROUNDUP_DATA", "/elsewhere")
    assert home.data_root() == "/elsewhere"
    monkeypatch.chdir(PROJECT / "docs")
    assert Home.of_nobody() == Home.of_project(PROJECT)


@pytest.mark.slow
def test_python_m_groundup_is_groundup(tmp_path):
    line = [sys.executable, "-m", "groundup", "train", "--help"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert "  groundup train model=cnn data=cifar10" in done.stdout
