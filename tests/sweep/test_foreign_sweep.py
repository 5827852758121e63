"""A sweep's directory from a stranger: no code but parts of this package, nothing read from here or sent away."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path

import pytest
from job_dirs import job_dir

from groundup.config.build import build
from groundup.config.rooms import NAMED_GROUPS
from groundup.errors import UserError
from groundup.rundir.directory import GROUPS
from groundup.rundir.jobs import FrozenJob, read_jobs, write_jobs
from groundup.sweep.foreign_sweep import refuse_foreign_jobs, refuse_foreign_words
from groundup.sweep.frozen import FrozenLoader, launch_words

OPTUNA = ("hydra/sweeper=optuna", "optimizer.lr=interval(0.1,0.9)", "hydra.sweeper.n_trials=1")


@pytest.fixture
def stranger(sweep, runs, tmp_path):
    """A sweep of two jobs, and a way to edit them as if none had begun."""
    assert sweep("seed=0,1") == 0
    runs.calls.clear()

    def edit(change):
        jobs = read_jobs(tmp_path / "s")
        change(jobs)
        write_jobs(tmp_path / "s", jobs)
        for number in (0, 1):
            (job_dir(tmp_path / "s", number) / "results.json").unlink(missing_ok=True)
        return tmp_path / "s"

    return edit


WHOLE = {"seed": 0, "resume": None} | {group: {} for group in (*GROUPS, *NAMED_GROUPS)}


def loads(file):
    """A node that runs a pickle."""
    return {"_target_": "torch.load", "f": str(file), "weights_only": False, "name": "x"}


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return (os.system, (f"touch {self.file}",))


def again(train, sweep_dir, *words):
    return train("-m", *words, f"sweep.resume={sweep_dir}")


def refused(capsys, *parts):
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1, err
    for part in parts:
        assert part in err


@pytest.mark.parametrize(
    ("group", "node", "said"),
    [
        ("model", loads("/x"), "model._target_=torch.load: refused"),
        ("loss", {"_target_": "os.system", "command": "x", "name": "x"}, "loss._target_=os.system: refused"),
        ("loss", {"_target_": "groundup.loggers.tensorboard.TensorBoard", "name": "x"}, "losses of torch.nn"),
        ("callbacks", {"x": {"_target_": "builtins.exec", "_args_": ["1"]}}, "callbacks.x._target_=builtins.exec"),
        ("logger", {"x": {"_target_": "lightning.pytorch.loggers.WandbLogger"}}, "logger.x._target_"),
        ("seed", "${oc.env:SECRET}", "interpolations"),
        ("data", {"_target_": "groundup.data.module.ImageData", "mirror": "http://x.invalid"}, "data.mirror=http"),
    ],
)
def test_a_config_that_is_not_ours_may_hold_parts_of_a_run_alone(group, node, said):
    own = WHOLE | {"model": {"_target_": "groundup.models.mlp.MLP"}}
    refuse_foreign_jobs(Path("s"), [FrozenJob(0, ["seed=0"], own | {"seed": 1})], (), lambda words: own)
    for typed in ((), ("seed=0",)):
        with pytest.raises(UserError, match=r"^sweep\.resume=s: job 0 is not what") as e:
            refuse_foreign_jobs(Path("s"), [FrozenJob(0, ["seed=0"], own | {group: node})], typed, lambda words: own)
        assert said in str(e.value)


@pytest.mark.parametrize("words", [(), ("trainer.accelerator=cpu", "seed=0,1")], ids=["no words", "its words"])
def test_a_strangers_sweep_does_not_begin(stranger, train, runs, capsys, tmp_path, words):
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
    place = stranger(lambda jobs: jobs[1].config["callbacks"].update({"x": loads(tmp_path / "evil.pt")}))
    assert again(train, place, *words) == 2
    refused(capsys, f"sweep.resume={place}: job 1 is not what", "callbacks.x._target_=torch.load: refused")
    assert runs.calls == []
    assert not (tmp_path / "executed").exists()
    with pytest.raises(RuntimeError, match="magic number"):  # the control: it runs before torch looks further
        build(loads(tmp_path / "evil.pt"))
    assert (tmp_path / "executed").exists()


def test_the_words_of_a_strangers_sweep_do_not_reach_hydra(stranger, train, runs, capsys):
    place = stranger(lambda jobs: jobs[0].overrides.append("seed=${oc.env:SECRET}"))
    assert again(train, place) == 2
    refused(capsys, f"sweep.resume={place}: its setting seed=${{oc.env:SECRET}} is more than a plain value; repeat")
    assert runs.calls == []


@pytest.mark.parametrize(
    "word",
    [
        "+callbacks.x._target_=os.system",
        "model._target_=torch.load",
        "+callbacks.x={_target_:os.system}",
        "seed=${oc.env:SECRET}",
        r"seed=$\{oc.env:SECRET\}",
        "hydra.launcher.n_jobs=9",
        "+hydra.job_logging.handlers.x.class=os.system",
        "hydra/launcher=joblib",
        "~hydra.sweep",
        "sweep.fail_fast=true",
        "resume=/x",
        "model=../../x",
        "model=/x",
        "+experiment=[/x]",
        "+experiment@_global_=x",
        "data.mirror=http://x.invalid",
        "+callbacks.x.dirpath=/x",
        "model.weights=DEFAULT",
        "model.hidden_dims=" + "[" * 900,
        "model.hidden_dims=[" + "1," * 1000 + "1]",
    ],
)
def test_words_that_were_not_typed_choose_options_and_set_values_alone(word):
    with pytest.raises(UserError, match=r"^sweep\.resume=s: its setting .*; repeat the sweep's own settings"):
        refuse_foreign_words(Path("s"), [word])
    refuse_foreign_words(Path("s"), [word], typed=[word])  # the control: typed, it is the user's own


@pytest.mark.parametrize(
    "word",
    [
        *("model=lenet", "experiment=noprop/mnist_short", "seed=3", "~callbacks.confusion", "+trainer.max_steps=3"),
        *("data.augment=[flip,crop]", "optimizer.lr=1e-3", "data.root=/home/me/data", "model.hidden_dims=[]"),
        *(
            "optimizer.lr=tag(log,interval(1e-3,1))",
            "model=choice(mlp,lenet)",
            "seed=range(0,3)",
            "trainer.profiler=simple",
        ),
    ],
)
def test_plain_words_are_accepted(word):
    refuse_foreign_words(Path("s"), [word])


def test_a_sweep_of_ones_own_parts_goes_on(train, runs, tmp_path, monkeypatch, capsys):
    """A user's own package, named on the command line or in `conf/`: what composes to the same is the user's."""
    (tmp_path / "my_package.py").write_text("class Mine:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = ("+callbacks.mine._target_=my_package.Mine", "trainer.accelerator=cpu", "seed=0,1")
    assert train("-m", *own, f"hydra.sweep.dir={tmp_path}/s") == 0
    (job_dir(tmp_path / "s", 1) / "results.json").unlink()
    assert again(train, tmp_path / "s", *own) == 0
    assert runs.folders == ["0", "1", "1"]
    assert again(train, tmp_path / "s") == 2  # who says that it is the user's?
    refused(capsys, "its setting +callbacks.mine._target_=my_package.Mine is more than a plain value")


def test_a_sweep_of_parts_that_are_trusted_goes_on_without_its_words(train, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GROUNDUP_TRUST", "")
    (tmp_path / "my_package.py").write_text(
        "from lightning.pytorch import Callback\n\n\nclass Mine(Callback):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_package", raising=False)
    own = ("callbacks.progress._target_=my_package.Mine", "trainer.accelerator=cpu", "seed=0,1")
    assert train("-m", *own, "trust=[my_package]", f"hydra.sweep.dir={tmp_path}/s") == 0
    assert "trust" not in (tmp_path / "s" / "jobs.jsonl").read_text()  # it says how, not what
    jobs = read_jobs(tmp_path / "s")
    for job in jobs:  # as if an option of another `conf/` had chosen it
        job.overrides[:] = [word for word in job.overrides if "my_package" not in word]
    write_jobs(tmp_path / "s", jobs)
    (job_dir(tmp_path / "s", 1) / "results.json").unlink()
    capsys.readouterr()
    assert again(train, tmp_path / "s") == 2
    refused(capsys, "callbacks.progress._target_=my_package.Mine: refused", "trust=[my_package] or GROUNDUP_TRUST")
    assert again(train, tmp_path / "s", "trust=[my_package]") == 0
    assert runs.folders == ["0", "1", "1"]


def test_the_words_of_a_sweep_say_nothing_of_whom_to_trust(stranger, train, runs, capsys):
    place = stranger(lambda jobs: jobs[0].overrides.append("trust=[my_package]"))
    assert again(train, place) == 2
    refused(capsys, "its setting trust=[my_package] is no setting of a job")
    assert again(train, place, "trust=[os]") == 2
    assert train("-m", "seed=0,1", "trust=a,b") == 2
    assert "trust=a,b: it holds for the whole sweep" in capsys.readouterr().err


def test_what_conf_names_is_trusted_and_what_differs_from_it_is_not():
    mine = WHOLE | {"model": {"_target_": "my_package.Net", "width": 1}}
    refuse_foreign_jobs(Path("s"), [FrozenJob(0, ["model=mine"], mine | {"seed": 1})], (), lambda words: mine)
    changed = mine | {"model": {"_target_": "my_package.Net", "width": 2}}
    with pytest.raises(UserError, match=r"job 0 is not what .* make of it, and model\._target_=my_package\.Net"):
        refuse_foreign_jobs(Path("s"), [FrozenJob(0, ["model=mine"], changed)], (), lambda words: mine)

    def no_such_option(words):
        raise UserError("model=mine: no such option")

    with pytest.raises(UserError, match="refused"):
        refuse_foreign_jobs(Path("s"), [FrozenJob(0, ["model=mine"], mine)], (), no_such_option)


def test_auto_passes_over_a_stranger(train, runs, tmp_path, capsys):
    words = ("-m", "trainer.accelerator=cpu", "seed=0,1")
    for name in ("a", "b"):
        assert train(*words, f"hydra.sweep.dir={tmp_path}/{name}") == 0
    jobs = read_jobs(tmp_path / "b")
    jobs[0].config["model"] = loads("/x")
    write_jobs(tmp_path / "b", jobs)
    runs.calls.clear()
    assert train(*words, "sweep.resume=auto", f"hydra.sweep.dir={tmp_path}/c") == 0
    assert f"passed over: sweep.resume={tmp_path}/b: job 0" in capsys.readouterr().out
    assert runs.calls == []  # `a` has finished
    assert not (tmp_path / "c").exists()


def test_a_job_that_is_changed_after_it_was_checked_does_not_run(train, runs, tmp_path, capsys):
    """Launchers read the file again, in other processes and later."""

    def change(config, run_dir):
        jobs = read_jobs(tmp_path / "s")
        jobs[1].config["model"] = loads("/x")
        write_jobs(tmp_path / "s", jobs)

    runs.behave = change
    assert train("-m", "trainer.accelerator=cpu", "seed=0,1", f"hydra.sweep.dir={tmp_path}/s") == 2
    assert "job 1 has been changed since the sweep began" in capsys.readouterr().err
    assert runs.folders == ["0"]


@pytest.mark.parametrize(
    "change",
    [{"number": 1}, {"overrides": ["seed=1"]}, {"config": {"seed": 1}}, {"folder": "0 x"}],
    ids=lambda change: next(iter(change)),
)
def test_the_loader_gives_what_was_checked_alone(tmp_path, change):
    job = {"number": 0, "overrides": ["seed=0"], "config": {"seed": 0}}
    write_jobs(tmp_path, [FrozenJob(**(job | change))])
    loader = FrozenLoader.__new__(FrozenLoader)
    loader.file, loader._offsets = tmp_path / "jobs.jsonl", []
    with pytest.raises(UserError, match="has been changed since"):
        loader.load_sweep_config(None, launch_words(FrozenJob(**job)))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[" * 10**5, "in one another"),
        ('{"number":0,"overrides":[],"config":' + '{"a":' * 60 + "1" + "}" * 60 + ',"of":1}', "in one another"),
        ("x" * 2**21, "a line of more than 1 MiB"),
        ("[1]", "no job"),
        ('{"number":true,"overrides":[],"config":{},"of":1}', "no job"),
        ('{"number":0,"overrides":"seed=1","config":{},"of":1}', "no job"),
        ('{"number":0,"overrides":[3],"config":{},"of":1}', "no words"),
        ('{"number":0,"overrides":[],"config":{},"of":"1"}', "no job"),
        ('{"number":0,"overrides":[],"config":{},"of":1,"more":1}', "no job"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_list_of_jobs_that_is_none_is_refused_in_a_sentence(tmp_path, line, said):
    (tmp_path / "jobs.jsonl").write_bytes(line.encode(errors="surrogateescape") + b"\n")
    with pytest.raises(UserError, match=rf"^sweep\.resume={tmp_path}: jobs\.jsonl cannot be read: .*{said}"):
        read_jobs(tmp_path)


@pytest.mark.parametrize("config", [{}, {"seed": 0}, WHOLE | {"model": "mlp"}, WHOLE | {"callbacks": None}])
def test_a_job_without_a_whole_config_is_named(tmp_path, config):
    with pytest.raises(UserError, match=r"jobs\.jsonl is damaged: job 0 has no config of a run"):
        refuse_foreign_jobs(tmp_path, [FrozenJob(0, [], config)], (), lambda words: config)
    if not config:  # a trial that was refused
        (tmp_path / "0").mkdir()
        (tmp_path / "0" / "results.json").write_text('{"status": "failed"}')
        refuse_foreign_jobs(tmp_path, [FrozenJob(0, [], config)], (), lambda words: config)


# Studies


@pytest.fixture
def study(sweep, runs, tmp_path):
    """A stranger's study: `study.json` with other values, or None for what is damaged."""
    pytest.importorskip("optuna", reason="pip install optuna")
    assert sweep(*OPTUNA) == 0
    runs.calls.clear()
    file = tmp_path / "s" / "study.json"

    def edit(**values):
        file.write_text(json.dumps(json.loads(file.read_text()) | values))
        return tmp_path / "s"

    return edit


GO_ON = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2")


def test_the_words_of_a_study_choose_options_and_set_values_alone(study, train, runs, capsys):
    assert again(train, study(), *GO_ON) == 0  # the control
    assert runs.folders == ["1"]
    for word in ("+callbacks.x._target_=os.system", "seed=${oc.env:SECRET}", "hydra/launcher=joblib"):
        place = study(words=["optimizer.lr=interval(0.1,0.9)", word])
        capsys.readouterr()
        assert again(train, place, *GO_ON) == 2
        refused(capsys, f"its setting {word} ")
    assert runs.folders == ["1"]


def test_a_study_in_a_database_elsewhere_is_opened_where_the_command_names_it(study, train, runs, capsys, tmp_path):
    url = f"sqlite:///{tmp_path}/theirs.db"
    place = study(storage=url)
    assert again(train, place, *GO_ON) == 2
    refused(capsys, f"its study is in the database {url}", "add hydra.sweeper.storage=URL")
    assert not (tmp_path / "theirs.db").exists()
    assert again(train, place, *GO_ON, f"hydra.sweeper.storage={url}") == 0
    assert (tmp_path / "theirs.db").exists()


def test_the_jobs_of_a_study_may_hold_parts_of_a_run_alone(study, train, runs, capsys, tmp_path):
    place = study()
    jobs = read_jobs(place)
    jobs[0].config["model"] = loads("/x")
    write_jobs(place, jobs)
    for words in ((), (OPTUNA[1], "trainer.accelerator=cpu")):
        assert again(train, place, *GO_ON, *words) == 2
        refused(capsys, "model._target_=torch.load: refused")
    assert runs.calls == []


@pytest.mark.parametrize("values", [{"words": 1}, {"words": [1]}, {"study_name": None}, {"storage": 3}])
def test_a_damaged_study_is_named(study, train, capsys, values):
    assert again(train, study(**values), *GO_ON) == 2
    refused(capsys, "study.json is damaged")


def test_submitit_finds_nothing_of_a_strangers_where_it_unpickles(tmp_path):
    """It takes `JOB_0_result.pkl` in its folder for what became of its job."""
    from groundup.sweep.launchers import launch

    class LocalLauncher:
        def __init__(self):
            self.params = {"submitit_folder": f"{tmp_path}/.submitit/%j", "timeout_min": 60}

        def launch(self, words, initial_job_idx):
            folders.append(Path(self.params["submitit_folder"]))

    folders: list[Path] = []
    for _ in range(2):
        launch(LocalLauncher(), [FrozenJob(0, [], {})], tmp_path)
    assert [(folder.name, folder.parent.parent) for folder in folders] == [("%j", tmp_path / ".submitit")] * 2
    assert folders[0] != folders[1]
