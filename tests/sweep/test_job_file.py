"""Jobs listed in a file: what is read of it, what is refused, and that it is a sweep like any other."""

from __future__ import annotations

import codecs
import json
import re

import pytest
from outcomes import stop_at, table

from groundup.config.sweep_settings import read_settings
from groundup.errors import UserError
from groundup.rundir.jobs import read_jobs
from groundup.sweep.job_file import read_rows

YAML = """\
# two models, each with its own rate
- model: mlp
  optimizer.lr: 1e-1
- model: lenet
  optimizer.lr: 0.2
  data.image_size: 32
"""
CSV = "model,optimizer.lr,data.image_size\nmlp,1e-1,\nlenet,0.2,32\n"
OF_A_SHEET = "model,optimizer.lr,data.image_size,,\nmlp,1e-1,,,\nlenet,0.2,32,,\n\n"
ROWS = [["model=mlp", "optimizer.lr=1e-1"], ["model=lenet", "optimizer.lr=0.2", "data.image_size=32"]]
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def write(tmp_path):
    def put(name: str, content: str | bytes) -> str:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"+jobs={file}"

    return put


def words(word):
    return [row.words for row in read_rows([word], 1000)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yaml", YAML),
        ("a.yml", BOM + YAML.replace("\n", "\r\n").encode()),
        ("a.yaml", "[{model: mlp, optimizer.lr: 1e-1}, {model: lenet, optimizer.lr: 0.2, data.image_size: 32}]"),
        ("a.csv", CSV),
        ("A.CSV", BOM + CSV.replace("\n", "\r\n").encode()),
        ("a.csv", OF_A_SHEET),
        ("a.csv", CSV.replace("mlp", ",,\nmlp") + " , ,\n"),
        ("a.csv", CSV.encode("utf-16")),
        ("a.csv", codecs.BOM_UTF16_BE + CSV.encode("utf-16-be")),
    ],
)
def test_a_row_is_a_job(write, name, content):
    assert words(write(name, content)) == ROWS


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ("key: [64, 32]", "key=[64,32]"),
        ("key: [[0, 20], [0.5, null]]", "key=[[0,20],[0.5,null]]"),
        ("key: [a, 'b,c', \"it's\"]", r"key=[a,'b,c','it\'s']"),
        ("key:", "key=null"),
        ("key: ~", "key=null"),
        ("key: 'null'", "key='null'"),
        ("key: [null, 'null']", "key=[null,'null']"),
        ("key: 'a, b'", "key='a, b'"),  # as the message on a, b advises
        ('key: "0.1"', "key=0.1"),
        ("key: \"'a, b'\"", "key='a, b'"),
        ("key: 10:00:00:00", "key=10:00:00:00"),  # to YAML a number to the base of 60
        ("key: 010", "key=010"),  # and this 8
        ("key: 2026-01-01", "key=2026-01-01"),
        ("key: ${seed}", "key=${seed}"),
        ("+key.new: 1", "+key.new=1"),
        ("++key.new: 1", "++key.new=1"),
        ("~callbacks.progress:", "~callbacks.progress"),
        ("data.root: /a (b)", "data.root='/a (b)'"),
    ],
)
def test_values_are_as_on_the_command_line(write, entry, word):
    assert words(write("a.yaml", f"- {entry}")) == [[word]]


def test_cells_of_csv_may_hold_commas_and_quotes(write):
    found = words(write("a.csv", 'model.hidden_dims,note\n"[64,32]","\'say ""so"", then\'"\nnull,\n'))
    assert found == [["model.hidden_dims=[64,32]", "note='say \"so\", then'"], ["model.hidden_dims=null"]]


def test_a_mapping_without_keys_is_the_job_of_the_command_alone(write):
    assert words(write("a.yaml", "- {}\n- model: mlp")) == [[], ["model=mlp"]]


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("a.txt", "- model: mlp", "accepted: a file .yaml, a list of mappings, or .csv"),
        ("a.yaml", "", "holds no jobs"),
        ("a.yaml", "[]", "holds no jobs"),
        ("a.csv", "", "holds no jobs"),
        ("a.csv", "model,seed\n", "holds no jobs"),
        ("a.yaml", "model: mlp", "it is no list"),
        ("a.yaml", "- mlp", "line 1 of a.yaml: no keys with values"),
        ("a.yaml", "- model: mlp\n- ", "line 2 of a.yaml: no keys with values"),
        ("a.yaml", "- optimizer: {lr: 0.1}", "line 1 of a.yaml: optimizer: keys below keys; .* optimizer.lr"),
        ("a.yaml", "- &a {seed: 1}\n- *a", r"aliases \(\*a\) are not accepted"),
        ("a.yaml", "- seed: !!python/object:os.system 1", "tags .* are not accepted"),
        ("a.yaml", "- model: [", "cannot be read"),
        ("a.yaml", "- seed: 1\n  seed: 2", "line 1 of a.yaml: the key seed stands twice"),
        ("a.yaml", "- seed: 1\n  +seed: 2", "line 1 of a.yaml: the key seed stands twice"),
        ("a.csv", "seed,seed\n1,2\n", "line 1 of a.csv: the key seed stands twice"),
        ("a.csv", "seed,seed\n1,\n", "line 1 of a.csv: the key seed stands twice"),
        ("a.csv", "seed;model\n1;mlp\n", "not separated by commas"),
        ("a.csv", "seed,model\n1\n", "line 2 of a.csv: 1 cells; accepted: 2"),
        ("a.csv", "seed\n1,2\n", "line 2 of a.csv: 2 cells; accepted: 1"),
        ("a.csv", "seed,\n1,2\n", "line 2 of a.csv: a value below no key"),
        ("a.csv", "seed,model\n,\n", "holds no jobs"),
        ("a.csv", 'seed\n"1\n', "cannot be read"),
        ("a.csv", b"seed\n\xff\n", "cannot be read: it is no text of UTF-8; accepted: UTF-8"),
        ("a.csv", "seed\tmodel\n1\tmlp\n".encode("utf-16"), "not separated by commas"),
        ("a.csv", CSV.encode("utf-16") + b"\n", "cannot be read: it is no text"),
        ("a.csv", 'optimizer.lr\n0.1\n"0.1,0.2"\n', "line 3 of a.csv: optimizer.lr=0.1,0.2: several values"),
        ("a.csv", 'seed\n"range(0,9)"\n', "line 2 of a.csv: .*several values"),
        ("a.csv", "data root\n1\n", "line 2 of a.csv: .*a blank cannot be in a key"),
        ("a.csv", "model\n(mlp\n", r"line 2 of a.csv: .*\( is not closed"),
        ("a.csv", "sweep.max_jobs\n3\n", "line 2 of a.csv: sweep.max_jobs holds for the whole sweep"),
        ("a.csv", "hydra/launcher\njoblib\n", "line 2 of a.csv: hydra/launcher holds for the whole sweep"),
        ("a.csv", "trust\nmine\n", "line 2 of a.csv: trust holds for the whole sweep"),
        ("a.csv", "+jobs\nb.csv\n", "line 2 of a.csv: .*jobs holds for the whole sweep"),
        ("a.csv", "seed\n" + "1\n" * 2**21 + "2\n", "larger than 4 MiB"),
    ],
)
def test_what_is_no_list_of_jobs_is_refused_with_its_line(write, name, content, refusal):
    with pytest.raises(UserError, match=refusal):
        read_rows([write(name, content)], 1000)


def test_jobs_are_counted_before_the_words_of_any_are_read(write):
    with pytest.raises(UserError, match=r"sweep.max_jobs=2: this sweep has 3 jobs"):
        read_rows([write("a.csv", 'seed\n"1,2"\n"1,2"\n"1,2"\n')], 2)


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name in ("none.csv", "folder.csv"):
        with pytest.raises(UserError, match="cannot be read"):
            read_rows([f"+jobs={tmp_path / name}"], 1000)
    for word in ("+jobs=a.csv,b.csv", "+jobs=", "+jobs=[a.csv]", "+jobs=null"):
        with pytest.raises(UserError, match="accepted is one file"):
            read_rows([word], 1000)


def test_a_path_is_relative_to_the_current_folder_or_of_the_home(write, tmp_path, monkeypatch):
    write("a.csv", "seed\n1\n")
    monkeypatch.chdir(tmp_path)
    assert words("+jobs=a.csv") == [["seed=1"]]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    assert words("+jobs='~/a.csv'") == [["seed=1"]]


# As a sweep


def test_every_combination_of_the_command_line_is_a_job_of_each_row(sweep, runs, write, tmp_path):
    assert sweep(write("a.yaml", YAML), "seed=0,1") == 0
    found = [(c["config"]["model"]["name"], c["config"]["optimizer"]["lr"], c["config"]["seed"]) for c in runs.calls]
    assert found == [("mlp", 0.1, 0), ("mlp", 0.1, 1), ("lenet", 0.2, 0), ("lenet", 0.2, 1)]
    assert "jobs" not in runs.calls[0]["config"]
    rows = table(tmp_path)["configurations"]
    assert [row["n"] for row in rows] == [2, 2]
    assert rows[0]["values"] == {"model": "lenet", "optimizer.lr": "0.2", "data.image_size": "32"}


def test_a_setting_that_some_rows_alone_have_tells_them_apart(sweep, runs, write, tmp_path):
    assert sweep(write("a.yaml", "- model: mlp\n- model: mlp\n  optimizer.lr: 0.5\n"), "seed=0,1") == 0
    rows = table(tmp_path)["configurations"]
    given, default = (row["values"] for row in rows)
    assert (given, [*default]) == ({"optimizer.lr": "0.5"}, ["optimizer.lr"])
    assert float(default["optimizer.lr"]) != 0.5
    assert [row["jobs"] for row in rows] == [[2, 3], [0, 1]]


def test_a_sweep_of_a_file_goes_on_without_it_and_not_with_another(sweep, train, runs, write, capsys, tmp_path):
    runs.behave = stop_at(1)
    word = write("a.yaml", YAML)
    assert sweep(word, "seed=0,1") == 130
    runs.behave, runs.calls = lambda config, run_dir: None, []
    write("a.yaml", YAML.replace("1e-1", "3e-1"))
    assert sweep(word, "seed=0,1", f"sweep.resume={tmp_path}/s") == 2
    assert "another sweep: optimizer.lr=0.1 in it, optimizer.lr=0.3 now" in capsys.readouterr().err
    assert train("-m", f"sweep.resume={tmp_path}/s") == 0
    assert runs.folders == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("content", "more", "refusal"),
    [
        (
            "- model: mlp\n- optimizer.lrr: 1",
            (),
            r"optimizer\.lrr=1: there is no key.*did you mean optimizer\.lr=1.*\n +in line 2 of a.yaml",
        ),
        ("- model: mlp\n- model: mlpp", (), r"there is no model 'mlpp'.*\n +in line 2 of a.yaml"),
        ("- seed: 1\n- optimizer.lr: abc", ("model=mlp",), r"optimizer.lr=abc: must be a number.*in line 2 of a.yaml"),
        ("- seed: 1\n- model: mlp", ("seed=1,2",), "seed=1,2 with seed=1 in line 1 of a.yaml: accepted is the key in"),
        ("- seed: 1\n- seed: 2", ("sweep.max_jobs=1",), "this sweep has 2 jobs"),
        ("- seed: 1\n- seed: 2", ("optimizer.lr=1,2", "sweep.max_jobs=3"), "this sweep has 4 jobs"),
        ("- resume: auto", (), "resume=auto in a sweep"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(sweep, write, capsys, content, more, refusal):
    assert sweep(write("a.yaml", content), *more) == 2
    assert re.search(refusal, capsys.readouterr().err, re.DOTALL)


def test_rows_that_are_the_same_are_run_once(sweep, runs, write, capsys):
    assert sweep(write("a.csv", "optimizer.lr,seed\n0.1,0\n1e-1,0\n1,0\n1.0,0\n"), "model=mlp") == 0
    assert len(runs.calls) == 2
    assert "left out, being the same as another job: optimizer.lr=1e-1 (as optimizer.lr=0.1)" in capsys.readouterr().out


def test_one_value_in_two_spellings_is_one_job_of_a_command_too(sweep, runs, capsys):
    assert sweep("optimizer.lr=1,1.0,0.1,1e-1") == 0
    assert [call["config"]["optimizer"]["lr"] for call in runs.calls] == [1, 0.1]
    out = capsys.readouterr().out
    assert "being the same as another job: optimizer.lr=1.0 (as optimizer.lr=1), optimizer.lr=1e-1 (as " in out


def test_one_value_in_two_spellings_is_one_configuration(sweep, runs, write, tmp_path):
    word = write("a.csv", "optimizer.lr,seed\n0.1,0\n1e-1,1\n0.10,2\n1,0\n1.0,1\n")
    assert sweep(word, "model=mlp") == 0
    rows = table(tmp_path)["configurations"]
    assert {row["values"]["optimizer.lr"]: row["n"] for row in rows} == {"0.1": 3, "1": 2}
    second = read_jobs(tmp_path / "s")[1]
    assert second.overrides[:2] == ["optimizer.lr=0.1", "seed=1"]
    assert json.loads((tmp_path / "s" / second.folder / "config.yaml").read_text())["optimizer"]["lr"] == 0.1
    assert sweep(word, "model=mlp", f"sweep.resume={tmp_path}/s") == 0  # it is still the same sweep


def test_a_file_of_jobs_without_a_sweep_is_a_mistake(train, write, capsys):
    assert train(write("a.yaml", YAML)) == 2
    assert "without -m: it is about a sweep" in capsys.readouterr().err


def test_a_search_takes_no_file_of_jobs(sweep, write, capsys):
    assert sweep(write("a.yaml", YAML), "hydra/sweeper=optuna", "optimizer.lr=0.1,0.2") == 2
    assert "a search chooses the values itself" in capsys.readouterr().err


def test_values_are_alike_however_they_are_written_and_a_default_may_be_left_out(sweep, runs, write, tmp_path):
    lines = ["trainer.deterministic,model.activation,init_from,optimizer.lr,seed"]
    lines += ["TRUE,relu,NULL,0.1,0", "true,'relu',null,0.1,1", "true,,,0.1,2", "false,tanh,null,0.1,0"]
    assert sweep(write("a.csv", "\n".join(lines)), "model=mlp") == 0
    rows = table(tmp_path)["configurations"]
    assert sorted(row["n"] for row in rows) == [1, 3]
    [three] = [row for row in rows if row["n"] == 3]
    assert three["values"] == {"trainer.deterministic": "TRUE", "model.activation": "relu"}
    assert [job.folder for job in read_jobs(tmp_path / "s")] == [
        "0 deterministic=TRUE activation=relu seed=0",
        "1 deterministic=TRUE activation=relu seed=1",
        "2 deterministic=TRUE activation=relu seed=2",
        "3 deterministic=false activation=tanh seed=0",
    ]
    groups = read_settings(tmp_path / "s").groups
    assert len(set(groups.values())) == 2


def test_a_sweep_with_a_value_that_is_spelt_twice_is_found_by_auto(sweep, runs, tmp_path, train):
    words = ("optimizer.lr=1,1.0,0.1,1e-1", "sweep.resume=auto")
    for _ in range(2):
        assert train("-m", "trainer.accelerator=cpu", *words, f"hydra.sweep.dir={tmp_path}/{len(runs.calls)}") == 0
    assert len(runs.calls) == 2
    assert (
        train("-m", "trainer.accelerator=cpu", "optimizer.lr=1", "sweep.resume=auto", f"hydra.sweep.dir={tmp_path}/x")
        == 0
    )
    assert len(runs.calls) == 3
