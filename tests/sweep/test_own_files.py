"""Options from somebody's own folders: found beside ours, never hidden unseen, and named where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

CPU = "trainer.accelerator=cpu"
OUTSIDE = Path(__file__).parents[1] / "outside" / "conf"


@pytest.fixture
def write(tmp_path):
    """Writes a file of options into a folder of one's own, which it gives."""

    def write_one(name: str, text: str) -> Path:
        file = tmp_path / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return tmp_path / "conf"

    return write_one


@pytest.fixture
def run(train, runs, tmp_path):
    """A run of options in a folder of one's own; gives its exit code."""
    return lambda *words: train(*words, CPU, f"hydra.run.dir={tmp_path}/run")


GLOBAL = "# @package _global_\n"


def config(runs):
    [call] = runs.calls
    return call["config"]


EXPERIMENT = """# @package _global_
defaults:
  - override /model: own
  - override /callbacks: own
  - override /optimizer: adam

seed: 3
trainer:
  max_epochs: 1
"""
PARTS = {
    "experiment/own": EXPERIMENT,
    "model/own": "defaults: [mlp, _self_]\nhidden_dims: [8]\n",
    "callbacks/own": "defaults: [default, _self_]\nprogress_csv: null\n",
}


@pytest.mark.parametrize("way", ["--config-dir", "hydra.searchpath", "a primary config"])
def test_options_of_ones_own_stand_beside_ours(run, runs, write, tmp_path, way):
    for name, text in PARTS.items():
        folder = write(name, text)
    words = {"--config-dir": ["--config-dir", str(folder)], "hydra.searchpath": [f"hydra.searchpath=[file://{folder}]"]}
    if way == "a primary config":
        (tmp_path / "mine").mkdir()
        text = f"defaults: [train, _self_]\nhydra:\n  searchpath: ['file://{folder}']\n"
        (tmp_path / "mine" / "mine.yaml").write_text(text)
        words[way] = ["--config-dir", str(tmp_path / "mine"), "--config-name", "mine"]
    assert run(*words[way], "experiment=own") == 0
    found = config(runs)
    assert (found["seed"], found["model"]["name"], found["model"]["hidden_dims"]) == (3, "mlp", [8])
    assert found["optimizer"]["name"] == "adam"
    assert {"checkpoints", "progress_csv"} <= found["callbacks"].keys()


def test_a_package_on_the_search_path_is_found(run, runs, monkeypatch, tmp_path, write, capsys):
    write("seeds/seven", "# @package _global_\nseed: 7\n").rename(tmp_path / "of_a_package")
    (tmp_path / "of_a_package" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert run("hydra.searchpath=[pkg://of_a_package]", "+seeds=seven") == 0
    assert config(runs)["seed"] == 7
    assert run("hydra.searchpath=[pkg://of_a_packige]", "+seeds=seven") == 2
    assert "hydra.searchpath=[pkg://of_a_packige]: no such folder; accepted" in capsys.readouterr().err


def test_an_own_default_of_the_machine_is_taken_where_it_is(run, runs, write, capsys):
    folder = write("local/default", "# @package _global_\nseed: 9\n")
    assert run("--config-dir", str(folder)) == 0
    assert config(runs)["seed"] == 9


def test_the_search_path_is_swept_too(train, runs, write, tmp_path):
    for number, name in ((1, "one"), (2, "two")):
        folder = write(f"seeds/{name}", f"# @package _global_\nseed: {number}\n")
    write("model/own", PARTS["model/own"])
    words = ("-m", f"hydra.searchpath=[file://{folder}]", "+seeds=glob(*)", "model=glob(ow*)", CPU)
    assert train(*words, f"hydra.sweep.dir={tmp_path}/s") == 0
    assert [(call["config"]["seed"], call["config"]["model"]["hidden_dims"]) for call in runs.calls] == [
        (1, [8]),
        (2, [8]),
    ]


def test_a_folder_that_is_named_comes_before_ours(run, train, runs, write, tmp_path):
    write("callbacks/own", "defaults: [default, _self_]\n")
    write("callbacks/default", "progress_csv: null\n")
    folder = write("model/mlp", PARTS["model/own"].replace("[mlp, _self_]", "[lenet, _self_]").partition("hidden")[0])
    assert run("--config-dir", str(folder), "model=mlp", "callbacks=own") == 0
    assert config(runs)["model"]["name"] == "lenet"
    assert config(runs)["callbacks"].keys() == {"progress_csv"}
    assert train("-m", f"--config-dir={folder}", "model=mlp,cnn", CPU, f"hydra.sweep.dir={tmp_path}/s") == 0
    assert [call["config"]["model"]["name"] for call in runs.calls[1:]] == ["lenet", "cnn"]


def test_an_option_on_the_search_path_that_ours_hides_is_refused(run, train, runs, write, capsys, tmp_path):
    folder = write("model/mlp", "_target_: groundup.models.mlp.MLP\nname: mlp\nhidden_dims: [3]\n")
    place = f"hydra.searchpath=[file://{folder}]"
    hidden = f"model=mlp: {folder}/model/mlp.yaml is hidden by groundup's own option of that name"
    assert run(place, "model=mlp") == 2
    assert hidden in capsys.readouterr().err
    assert train("-m", place, "model=mlp,lenet", CPU, f"hydra.sweep.dir={tmp_path}/s") == 2
    assert hidden in capsys.readouterr().err
    assert run(place, "model=lenet") == 0  # not chosen, so it does no harm
    assert len(runs.calls) == 1


def test_a_default_that_ours_hides_is_refused_also_where_an_own_option_builds_on_it(run, write, capsys):
    write("callbacks/own", PARTS["callbacks/own"])
    folder = write("callbacks/default", "say: null\n")
    assert run(f"hydra.searchpath=[{folder}]", "callbacks=own") == 2
    assert f"callbacks=default: {folder}/callbacks/default.yaml is hidden by" in capsys.readouterr().err


def test_the_same_option_in_both_places_is_no_harm(run, write):
    ours = Path(__file__).parents[2] / "conf" / "model" / "mlp.yaml"
    assert run(f"hydra.searchpath=[{write('model/mlp', ours.read_text())}]", "model=mlp") == 0


def test_a_primary_config_of_the_folder_is_taken(run, runs, write):
    write("own", "defaults: [train, _self_]\nseed: 4\n")
    folder = write("model/mine", PARTS["model/own"])
    assert run("--config-dir", str(folder), "--config-name", "own", "model=mine") == 0
    assert (config(runs)["seed"], config(runs)["model"]["hidden_dims"]) == (4, [8])


def test_a_group_of_ones_own_is_added(run, runs, write, capsys):
    folder = write("hparams_search/own", "# @package _global_\nseed: 4\n")
    assert run("--config-dir", str(folder), "hparams_search=own") == 2
    assert "did you mean +hparams_search=own?" in capsys.readouterr().err
    assert run("--config-dir", str(folder), "+hparams_search=own") == 0
    assert config(runs)["seed"] == 4


def test_a_sweeper_of_another_package_is_answered_in_a_line(train, write, capsys):
    target = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    folder = write("experiment/own", f"{GLOBAL}hydra:\n  sweeper:\n    _target_: {target}\n")
    assert train("-m", "--config-dir", str(folder), "experiment=own", "seed=0,1", CPU) == 2
    assert f"_target_: {target}: there is no such plugin here; leave it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trainer:\n  max_epochs: 1\n", "does not begin with '# @package _global_', so all that it says went to a key"),
        ("", "does not begin with '# @package _global_'"),
        ("- a\n", "does not begin with '# @package _global_'"),
        ("defaults:\n  - override /model: mlp\n", "FILE: it does not begin with '# @package _global_'"),
        (f"{GLOBAL}seed: 1\n   x: [\n", "FILE:3: not YAML: mapping values are not allowed here"),
        (f"{GLOBAL}trainer:\n\tmax_epochs: 1\n", "FILE:3: a tab; YAML accepts only spaces here"),
        (f"{GLOBAL}seed: 1\nseed: 2\n", "FILE:3: not YAML: found duplicate key seed"),
        (
            f"{GLOBAL}trainer:\n  max_epoch: 1\n",
            "trainer.max_epoch=1: there is no such key; did you mean",
        ),
        (f"{GLOBAL}trainer:\n  max_epoch: 1\n", "Trainer (in FILE)"),
        (f"{GLOBAL}seed: one\n", "seed=one: must be a whole number (in FILE)"),
        (f"{GLOBAL}mine: {{a: 1}}\n", "there is no such key. Accepted: seed, resume"),
        (f"{GLOBAL}defaults:\n  - override /model: nosuch\n", "model=nosuch: there is no model 'nosuch'"),
        (f"{GLOBAL}defaults:\n  - override /model: nosuch\n", "torchvision (in FILE)"),
        (
            f"{GLOBAL}defaults:\n  - override /modle: mlp\n",
            "FILE: it overrides the group 'modle', which no",
        ),
        (
            f"{GLOBAL}defaults:\n  - /model: mlp\n",
            "FILE: its defaults list chooses model once more; write",
        ),
        (
            f"{GLOBAL}defaults:\n  - model: mlp\n",
            "FILE: its defaults list has 'model: mlp', which is looked for",
        ),
        (
            f"{GLOBAL}defaults:\n  - base_of_it\n",
            "FILE: its defaults list has 'base_of_it', and there is no",
        ),
        (f"{GLOBAL}defaults:\n  override /model: mlp\n", "FILE: defaults must be a list (got mapping)"),
        (
            f"{GLOBAL}defaults:\n  - override /model: mlp\n  - /debug: fast\n",
            "FILE: Override 'model : mlp' is defined",
        ),
        (
            f"{GLOBAL}hydra:\n  searchpath: ['file:///tmp']\n",
            "FILE: Overriding hydra.searchpath is only supported",
        ),
        (f"{GLOBAL}- a\n", "FILE: it holds a list; accepted: keys with values"),
        (f"{GLOBAL}seed: ${{nosuch}}\n", "seed=${nosuch}: Interpolation key 'nosuch' not found (in FILE)"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_a_line_that_names_it(run, runs, write, capsys, text, said):
    folder = write("experiment/own", text)
    assert run("--config-dir", str(folder), "experiment=own") == 2
    err = capsys.readouterr().err
    assert said.replace("FILE", f"{folder}/experiment/own.yaml") in err
    assert f"{folder}/experiment/own.yaml" in err
    assert len(err.splitlines()) == 1
    assert runs.calls == []


def test_a_value_that_was_typed_is_no_files_fault(run, write, capsys):
    folder = write("experiment/own", f"{GLOBAL}seed: 1\n")
    assert run("--config-dir", str(folder), "experiment=own", "seed=one") == 2
    assert capsys.readouterr().err == "error: seed=one: must be a whole number\n"


def test_a_wrong_value_of_an_own_model_names_its_file(run, write, capsys):
    folder = write("model/own", "defaults: [mlp, _self_]\nhidden_dims: many\n")
    assert run("--config-dir", str(folder), "model=own") == 2
    assert f"(in {folder}/model/own.yaml)" in capsys.readouterr().err


def test_a_file_that_is_no_text_is_named(run, write, capsys):
    folder = write("experiment/own", "")
    (folder / "experiment" / "own.yaml").write_bytes(b"# @package _global_\nseed: 1 # \xe9\n")
    assert run("--config-dir", str(folder), "experiment=own") == 2
    assert f"{folder}/experiment/own.yaml: not UTF-8 text" in capsys.readouterr().err


def test_jobs_of_a_wrong_file_are_named(train, write, runs, tmp_path, capsys):
    write("experiment/good", f"{GLOBAL}seed: 1\n")
    folder = write("experiment/own", "seed: 1\n")
    words = ("-m", "--config-dir", str(folder), "experiment=good,own", CPU)
    assert train(*words, f"hydra.sweep.dir={tmp_path}/s") == 2
    err = capsys.readouterr().err
    assert "does not begin with '# @package _global_'" in err
    assert "1 of 2 jobs: experiment=own" in err


def test_help_lists_options_of_ones_own(run, write, capsys):
    folder = write("model/own", PARTS["model/own"])
    assert run("--config-dir", str(folder), "--help") == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  model ")]
    assert " own " in line
    assert " cnn " in line


def test_an_own_option_may_be_meant(run, write, capsys):
    folder = write("model/my_network", PARTS["model/own"])
    assert run("--config-dir", str(folder), "model=my_netwrk") == 2
    assert "did you mean model=my_network? Accepted: my_network, block_ce" in capsys.readouterr().err
