"""The real ones: W&B offline, read back from its own file, and MLflow on SQLite, asked by its own client."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import wandb_file
from diary import NODE, figures, pictures, with_loggers
from small_runs import with_callback

from groundup.errors import Interrupted, RunFailed, UserError
from groundup.run.run import run
from groundup.sweep.isolation import isolated

PROJECT = Path(__file__).parents[2]
SHOWN = ("callbacks=everything", "trainer.log_every_n_steps=10")


def needs(package):
    absent = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(absent, reason=f'{package} is not installed: pip install "groundup[{package}]"')


pytestmark = pytest.mark.slow
PLAIN = {
    "wandb": {"_target_": "lightning.pytorch.loggers.WandbLogger", "project": "mine"},
    "mlflow": {"_target_": "lightning.pytorch.loggers.MLFlowLogger", "experiment_name": "mine"},
}


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """No user of either is logged in here, and MLflow has a database of its own."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")


def offline(run_dir):
    return sorted((run_dir / "wandb").glob("offline-run-*"))


def mlflow_runs(tmp_path, experiment="groundup"):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    found = client.get_experiment_by_name(experiment)
    return client, client.search_runs([found.experiment_id], order_by=["attributes.start_time"])


def mlflow_figures(client, run_id):
    """Every value by name and step; twice where there are two."""
    names = client.get_run(run_id).data.metrics.keys() - {"epoch"}
    return sorted(
        (name, metric.step, metric.value) for name in names for metric in client.get_metric_history(run_id, name)
    )


# W&B


@needs("wandb")
def test_wandb_has_what_a_logger_is_told(make_config, tmp_path):
    run_dir = tmp_path / "some" / "run"
    results = run(with_loggers(make_config(*SHOWN, "logger=wandb"), diary=NODE), run_dir)
    [folder] = offline(run_dir)
    rows = wandb_file.history(folder)
    its = {(name, row["trainer/global_step"]): value for row in rows for name, value in row.items()}
    told = {key: value for key, value in figures(run_dir).items() if not key[0].endswith("_best")}
    assert {key: its.get(key) for key in told} == told
    assert [row["_step"] for row in rows] == list(range(len(rows)))  # none is dropped for coming late
    shown = {(name.removesuffix(".filenames"), step) for name, step in its if name.endswith(".filenames")}
    assert shown == pictures(run_dir)
    assert sum(1 for file in folder.rglob("*.png")) == len(shown)
    summary, config = wandb_file.summary(folder), wandb_file.config(folder)
    assert (summary["test/acc"], summary["val/acc_best"]) == (results["test/acc"], results["val/acc"])
    assert (summary["status"], wandb_file.exit_code(folder)) == ("finished", 0)
    assert (config["optimizer.lr"], config["run_dir"]) == (0.05, str(run_dir))
    about = wandb_file.run_of(folder)
    assert (about.project, about.display_name) == ("groundup", "some/run")


@needs("wandb")
@pytest.mark.parametrize("node", [{}, {"wandb": PLAIN["wandb"]}], ids=["ours", "plain"])
def test_every_run_of_a_process_has_a_run_in_wandb_and_leaves_none_open(make_config, tmp_path, node):
    import wandb

    config = with_loggers(make_config("logger=wandb"), **node)
    for seed in (0, 1):
        with isolated():
            run(config | {"seed": seed}, tmp_path / str(seed))
        assert wandb.run is None
    with pytest.raises(RunFailed):
        run(with_callback(config, "Break", step=5), tmp_path / "2")
    assert wandb.run is None
    folders = [offline(tmp_path / name) for name in "012"]
    assert [len(folder) for folder in folders] == [1, 1, 1]
    assert len({wandb_file.run_of(folder).run_id for [folder] in folders}) == 3
    assert [wandb_file.config(folder)["seed"] for [folder] in folders] == [0, 1, 0]
    assert [wandb_file.summary(folder)["status"] for [folder] in folders] == ["finished", "finished", "failed"]
    assert [wandb_file.exit_code(folder) for [folder] in folders] == [0, 0, 1]


@needs("wandb")
def test_a_run_that_goes_on_is_the_same_in_wandb_and_in_a_new_directory_another(make_config, tmp_path):
    config = make_config("logger=wandb", "trainer.log_every_n_steps=5")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=25), tmp_path / "run")
    [first] = offline(tmp_path / "run")
    assert (wandb_file.exit_code(first), wandb_file.summary(first)["status"]) == (255, "interrupted")
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    run(config, tmp_path / "other", resume=checkpoint)
    run(config, tmp_path / "run", resume=checkpoint)
    first, second = offline(tmp_path / "run")
    ids = [wandb_file.run_of(folder).run_id for folder in (first, second, *offline(tmp_path / "other"))]
    assert ids[0] == ids[1] != ids[2]
    steps = [row["trainer/global_step"] for part in (first, second) for row in wandb_file.history(part) if "lr" in row]
    assert steps == sorted(set(steps))
    assert max(steps) == 42


@needs("wandb")
def test_a_wandb_run_of_somebody_elses_is_not_written_into(make_config, tmp_path):
    import wandb

    config = make_config("logger=wandb")
    with wandb.init(mode="offline", dir=tmp_path, settings={"quiet": True}) as open_run:
        with pytest.raises(UserError, match=f"logger.wandb: the W&B run {open_run.id} is open in this process"):
            run(config, tmp_path / "run")
        assert wandb.run is open_run
    with pytest.raises(UserError, match=r"logger.wandb and logger.mine: W&B has one run in a process"):
        run(with_loggers(config, mine=PLAIN["wandb"]), tmp_path / "two")


@needs("wandb")
@needs("mlflow")
def test_the_best_weights_are_kept_there_where_it_is_asked_for(make_config, tmp_path):
    config = make_config("logger=[wandb,mlflow]", "logger.wandb.log_model=true", "+logger.mlflow.log_model=true")
    run(config, tmp_path / "run")
    best = (tmp_path / "run" / "checkpoints" / "best.ckpt").read_bytes()
    [folder] = offline(tmp_path / "run")
    kept = [record.request.log_artifact.artifact for record in wandb_file.records(folder) if record.HasField("request")]
    kept += [record.artifact for record in wandb_file.records(folder) if record.HasField("artifact")]
    assert any("best" in artifact.aliases for artifact in kept)
    _, [found] = mlflow_runs(tmp_path)
    artifacts = tmp_path / "mlartifacts" / found.info.run_id / "artifacts"
    assert (artifacts / "best" / "best.ckpt").read_bytes() == best


# MLflow


@needs("mlflow")
def test_mlflow_has_what_a_logger_is_told(make_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "home")
    run_dir = tmp_path / "some" / "run"
    results = run(with_loggers(make_config(*SHOWN, "logger=mlflow"), diary=NODE), run_dir)
    client, [found] = mlflow_runs(tmp_path)
    told = sorted((name, step, value) for (name, step), value in figures(run_dir).items())
    assert mlflow_figures(client, found.info.run_id) == told
    assert found.data.metrics["test/acc"] == results["test/acc"]
    assert found.data.params["optimizer.lr"] == "0.05"
    assert (found.info.status, found.info.run_name) == ("FINISHED", "some/run")
    assert found.data.tags["run_dir"] == str(run_dir)
    artifacts = tmp_path / "mlartifacts" / found.info.run_id / "artifacts"
    drawn = {file.name.split("+timestamp+")[0] for file in (artifacts / "images").glob("*.png")}
    assert drawn == {f"{name.replace('/', '~')}+step+{step}" for name, step in pictures(run_dir)}
    assert "max_epochs: 2" in (artifacts / "config.md").read_text()
    assert list((tmp_path / "home").iterdir()) == []  # where the command was typed


@needs("mlflow")
def test_mlflow_knows_how_a_run_ended_and_has_no_step_twice(make_config, tmp_path, caplog):
    config = make_config("logger=mlflow", "trainer.log_every_n_steps=5", "trainer.max_epochs=3")
    ends = []
    for seed, callback in enumerate(("SignalAt", "Break")):
        run_dir = tmp_path / callback
        with pytest.raises((Interrupted, RunFailed)):
            run(with_callback(config | {"seed": seed}, callback, step=30), run_dir)
        client, runs = mlflow_runs(tmp_path)
        ends.append(runs[-1].info.status)
        longer = config | {"seed": seed, "trainer": config["trainer"] | {"max_epochs": 4}}
        run(longer, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
        client, runs = mlflow_runs(tmp_path)
        assert len(runs) == seed + 1
        assert (runs[-1].info.status, runs[-1].data.tags["trainer.max_epochs"]) == ("FINISHED", "4")
        steps = [(name, step) for name, step, _ in mlflow_figures(client, runs[-1].info.run_id)]
        assert len(steps) == len(set(steps))
        assert ("test/acc", 84) in steps
    assert ends == ["KILLED", "FAILED"]
    assert "goes on without this logger" not in caplog.text


@needs("mlflow")
def test_a_plain_node_has_a_database_in_the_run_directory(make_config, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    run(with_loggers(make_config("logger=none"), mlflow=PLAIN["mlflow"]), tmp_path / "run")
    _, [found] = mlflow_runs(tmp_path / "run", "mine")
    assert found.info.status == "FINISHED"


@needs("wandb")
@needs("mlflow")
def test_jobs_of_two_processes_at_once_have_runs_of_their_own(tmp_path):
    words = [
        "-m",
        "seed=0,1",
        "model=mlp",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "callbacks.progress=null",
    ]
    words += [
        "logger=[wandb,mlflow]",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        f"hydra.sweep.dir={tmp_path / 's'}",
    ]
    ended = subprocess.run(
        [sys.executable, "train.py", *words], cwd=PROJECT, capture_output=True, text=True, timeout=280
    )
    assert ended.returncode == 0, ended.stderr
    _, runs = mlflow_runs(tmp_path)
    assert sorted(found.data.params["seed"] for found in runs) == list("01")
    assert {found.info.status for found in runs} == {"FINISHED"}
    jobs = [f"{seed} seed={seed}" for seed in "01"]
    folders = [folder for job in jobs for folder in offline(tmp_path / "s" / job)]
    assert sorted(wandb_file.config(folder)["seed"] for folder in folders) == [0, 1]
    assert {wandb_file.run_of(folder).display_name for folder in folders} == {f"s/{job}" for job in jobs}
