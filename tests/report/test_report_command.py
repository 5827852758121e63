"""`python report.py`: what is asked, where it is written, what is answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from run_files import make_config, make_results, write_run

from groundup.command.place import Place
from groundup.report.command import main

PROJECT = Path(__file__).parents[2]
# Runs the command itself, and says which of the modules that it must not need were imported.
WATCHED = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as ended:
    print(ended.code, sorted({"torch", "lightning", "matplotlib.pyplot", "matplotlib"} & set(sys.modules)))
"""


@pytest.fixture
def sweep(tmp_path, make_sweep):
    """Two learning rates, three seeds; the second rate is better."""
    return make_sweep(tmp_path / "sweep", (0.1, 0.2), (0, 1, 2), lambda rate, seed: 0.5 + rate + seed / 100)


@pytest.fixture
def report(tmp_path, monkeypatch, capsys, empty_pictures):
    """Asks for a report in an empty directory; gives exit code, standard output and error."""
    empty_pictures("png", "svg")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def ask(*words):
        code = main([str(word) for word in words], Place.of_script(tmp_path / "report.py"))
        return code, *capsys.readouterr()

    return ask


def test_the_report_of_a_sweep_is_written_into_it_and_the_table_and_its_path_are_printed(report, sweep, empty_pictures):
    empty_pictures()  # none is
    code, out, _ = report(sweep)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["optimizer.lr", "val/acc", "test/acc"]
    assert lines[1].split()[:4] == ["0.2", "0.7100", "±", "0.0100"]
    assert lines[-1] == f"report: {sweep}/report/report.html"
    assert {path.name for path in (sweep / "report").iterdir()} == {
        "report.html", "report.md", "configurations.csv", "runs.csv", "curves.csv", "classes.csv", "confusion.csv",
        "comparison.csv", "comparisons.csv", "accuracy.png", "curves.png", "classes.png", "confusion-1.png",
        "confusion-2.png",
        ".groundup-report.json",
    }  # fmt: skip


def test_of_a_run_it_is_written_into_it_of_others_into_outputs_each_time_a_new_one(report, sweep, tmp_path):
    assert report(sweep / "0")[0] == 0
    assert (sweep / "0" / "report" / "report.html").is_file()
    for _ in range(2):
        assert report(sweep / "0", sweep / "1")[0] == 0
    assert len(list((tmp_path / "outputs" / "reports").glob("*/report.html"))) == 2


def test_where_to_write_may_be_said(report, sweep, tmp_path):
    assert report(sweep, "out=there/now")[0] == 0
    assert (tmp_path / "elsewhere" / "there" / "now" / "report.html").is_file()
    assert not (sweep / "report").exists()


def test_of_an_earlier_report_nothing_stays_and_what_is_not_of_it_does(report, sweep):
    report(sweep)
    (sweep / "report" / "notes.txt").touch()
    (sweep / "report" / "my.csv").touch()
    for job in range(3, 6):
        (sweep / str(job) / "results.json").unlink()
    report(sweep)
    left = {path.name for path in (sweep / "report").iterdir()}
    assert {"notes.txt", "my.csv", "confusion-1.png"} <= left
    assert not {"confusion-2.png", "comparison.csv", "comparisons.csv"} & left


def test_files_of_ones_own_whose_names_look_like_a_reports_stay(report, sweep, tmp_path):
    report(sweep, f"out={tmp_path}/mine")
    own = [tmp_path / "mine" / name for name in ("all-runs.csv", "loss-curves.png", "my-confusion-1.png")]
    for file in own:
        file.write_text("mine")
    assert report(sweep, f"out={tmp_path}/mine")[0] == 0
    assert [file.read_text() for file in own] == ["mine"] * 3


@pytest.mark.parametrize("name", ["runs.csv", "report.html"])
def test_a_file_that_no_report_has_written_is_not_replaced(report, sweep, tmp_path, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine")
    code, _, err = report(sweep, f"out={tmp_path}/mine")
    assert (code, err.count("\n")) == (2, 1)
    assert f"mine: holds {name}, which is not on the list" in err
    assert [(path.name, path.read_text()) for path in (tmp_path / "mine").iterdir()] == [(name, "mine")]


@pytest.mark.parametrize("names", [["../victim.txt", "/etc/passwd", 3, None, "..", ".", "", "kept"], "victim.txt", 3])
def test_a_strangers_list_of_files_names_none_elsewhere(report, sweep, tmp_path, names):
    (tmp_path / "victim.txt").write_text("mine")
    (sweep / "report").mkdir()
    (sweep / "report" / "kept").mkdir()
    (sweep / "report" / ".groundup-report.json").write_text(json.dumps({"files": names}))
    assert report(sweep)[0] == 0
    assert (tmp_path / "victim.txt").read_text() == "mine"


def test_nothing_is_written_through_a_strangers_links(report, sweep, tmp_path):
    victim = tmp_path / "own" / "profile"
    victim.parent.mkdir()
    victim.write_text("mine")
    (sweep / "report").mkdir()
    for name in ("report.html", "report.md", "runs.csv", ".groundup-report.json"):
        (sweep / "report" / name).symlink_to(victim)
    assert report(sweep)[0] == 2  # no list says that they were a report's
    (sweep / "report" / ".groundup-report.json").unlink()
    (sweep / "report" / ".groundup-report.json").write_text('{"files": ["report.html", "report.md", "runs.csv"]}')
    assert report(sweep)[0] == 0
    assert victim.read_text() == "mine"
    (sweep / "away").mkdir()
    (sweep / "report").rename(sweep / "away" / "report")
    (sweep / "report").symlink_to(victim.parent)
    code, _, err = report(sweep)
    assert code == 2
    assert f"report: a link that leads to {victim.parent}" in err
    assert os.listdir(victim.parent) == ["profile"]


def test_a_job_that_is_a_link_out_of_its_sweep_is_left_out_and_a_lock_that_is_one_is_not_taken(report, sweep, tmp_path):
    (sweep / "0").rename(tmp_path / "private")
    (sweep / "0").symlink_to(tmp_path / "private")
    (tmp_path / "profile").write_text("mine")
    (sweep / "1" / "results.json").unlink()
    (sweep / "1" / ".lock").symlink_to(tmp_path / "profile")
    assert report(sweep)[0] == 0
    assert "sweep/0 is left out: a link" in (sweep / "report" / "report.html").read_text()
    assert (tmp_path / "profile").read_text() == "mine"


def test_a_strangers_named_pipes_are_not_waited_for(report, sweep):
    (sweep / "report").mkdir()
    for name in ("0/results.json", "1/metrics.csv", "2/.lock", "report/.groundup-report.json"):
        (sweep / name).unlink(missing_ok=True)
        os.mkfifo(sweep / name)
    (sweep / "2" / "results.json").unlink()
    assert report(sweep)[0] == 0


def test_escape_codes_of_a_stranger_reach_neither_the_terminal_nor_the_tables(report, tmp_path, empty_pictures):
    empty_pictures()  # none is
    results = make_results(overrides=["model=mlp\x1b]0;title\x07"]) | {"status": "failed", "error": "\x1b[2J\x9b31m"}
    write_run(tmp_path / "runs" / "a\x1b[31m", results, make_config())
    write_run(tmp_path / "runs" / os.fsdecode(b"caf\xe9"), make_results(overrides=["model=cnn"]), make_config())
    code, out, _ = report(tmp_path / "runs", "out=here")
    assert code == 0
    assert not {"\x1b", "\x07", "\x9b"} & {*out, *Path("here/report.md").read_text()}
    assert r"\x1b[2J" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "nowhere: no such directory; accepted: directories of runs or sweeps"),
        (["."], ".: no run in it"),
        (["out=x"], "no directory given"),
        (["SWEEP", "otu=x"], "otu=x: there is no key 'otu'; did you mean out=x? Accepted: directories, out="),
        (["SWEEP", "zzz=x"], "zzz=x: there is no key 'zzz'. Accepted: "),
        (["SWEEP", "--foo"], "--foo: unknown option; accepted: directories, out="),
        (["SWEEP", "best=0"], "best=0: accepted: a number from 1 on"),
        (["SWEEP", "best=two"], "best=two: accepted: a number from 1 on"),
        (["SWEEP", "compare=1"], "compare=1: accepted: two numbers of the table"),
        (["SWEEP", "compare=1,3"], "compare=1,3: accepted: two numbers of the table, 1 to 2, or all"),
        (["SWEEP", "compare=2,2"], "compare=2,2: accepted: two numbers of the table, 1 to 2"),
        (["SWEEP", "metric=acc"], "metric=acc: no run has it; accepted: parameters, test/acc"),
        (["SWEEP", "metric=seed"], "metric=seed: it says nothing of how good a run is; accepted: parameters,"),
        (["SWEEP", "out=/proc/nowhere"], "out=/proc/nowhere: cannot be written: "),
    ],
)
def test_a_request_that_cannot_be_met_is_answered_in_a_line(report, sweep, words, expected):
    code, _, err = report(*(str(sweep) if word == "SWEEP" else word for word in words))
    assert code == 2
    assert err.startswith(f"error: {expected}")
    assert len(err.splitlines()) == 1


def test_without_words_and_with_help_the_keys_are_shown(report):
    code, out, _ = report("--help")
    assert code == 0
    assert report()[:2] == (2, out)
    assert all(f"\n    {key} " in out for key in ("out", "compare", "metric", "best"))


def test_configurations_on_different_data_are_not_compared(report, tmp_path):
    write_run(tmp_path / "runs" / "a", make_results(), make_config())
    write_run(tmp_path / "runs" / "b", make_results(), make_config(data={"name": "mnist"}))
    code, _, err = report(tmp_path / "runs", "compare=1,2")
    assert code == 2
    assert "compare=1,2: one is on digits, the other is not; accepted: two on one data set" in err
    assert report(tmp_path / "runs", "out=both")[0] == 0
    assert Path("both/mnist-curves.png").is_file()


def test_two_that_were_named_but_have_no_seed_in_common_cannot_be_compared(report, tmp_path):
    write_run(tmp_path / "runs" / "a", make_results(0), make_config(0))
    write_run(tmp_path / "runs" / "b", make_results(1), make_config(1, model={"name": "cnn"}))
    code, _, err = report(tmp_path / "runs", "compare=1,2", "out=here")
    assert code == 2
    assert err == "error: compare=1,2: no finished runs of both have a seed and test/acc or val/acc in common\n"
    assert report(tmp_path / "runs", "out=here")[0] == 0
    assert "no seed in common" in Path("here/report.html").read_text()


def test_where_nothing_has_finished_the_runs_are_listed_with_their_reasons(report, tmp_path, empty_pictures):
    empty_pictures()  # none is
    write_run(tmp_path / "runs" / "a", {"status": "failed", "error": "no space"}, make_config(), accuracies=())
    write_run(tmp_path / "runs" / "b", None, make_config(seed=1))
    code, out, _ = report(tmp_path / "runs", "out=here")
    assert code == 0
    assert "no space" in out
    page = Path("here/report.html").read_text()
    assert "No run has finished" in page
    assert "no space" in page
    assert "it left no results" in page


def test_a_run_of_other_metrics_is_shown_with_those_that_it_has(report, tmp_path):
    run = write_run(tmp_path / "run", {"status": "finished", "my/metric": 3.5}, make_config(), accuracies=())
    (run / "metrics.csv").write_text("epoch,my/metric\n0,1.5\n")
    assert report(run)[0] == 0
    assert not (run / "report" / "curves.png").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(report, sweep):
    sweep.chmod(0o500)
    assert "cannot be written" in report(sweep)[2]


def test_matplotlib_is_left_as_it_was(report, sweep, empty_pictures):
    empty_pictures()  # none is
    before = dict(matplotlib.rcParams)
    report(sweep)
    assert dict(matplotlib.rcParams) == before


def test_neither_torch_nor_pyplot_is_imported_and_a_bad_path_does_not_wait_for_matplotlib(sweep, tmp_path):
    (tmp_path / "watched.py").write_text(WATCHED)

    def modules(path):
        line = [sys.executable, str(tmp_path / "watched.py"), str(PROJECT / "report.py"), str(path)]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path).stdout.splitlines()[-1]

    assert modules(sweep) == "0 ['matplotlib']"
    assert modules("nowhere") == "2 []"
