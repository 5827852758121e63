"""A logger from anybody's package is told what TensorBoard is told, and its troubles are not the run's."""

from __future__ import annotations

import csv
import logging

import pytest
from diary import NODE, figures, lines, pictures, with_loggers
from events import scalars, steps
from small_runs import with_callback

from groundup.config import extras
from groundup.config.sweep_settings import settings_of_sweep
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.run.run import run
from groundup.rundir.jobs import FrozenJob
from groundup.sweep.columns import write_columns

EVERYTHING = ("callbacks=everything", "trainer.log_every_n_steps=10")


def table(file):
    with file.open(newline="") as rows:
        return [{name: cell for name, cell in row.items() if cell} for row in csv.DictReader(rows)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """One run with three loggers: its directory and its results."""
    from composed import compose
    from small_runs import SMALL

    from groundup.config.check import check

    run_dir = tmp_path_factory.mktemp("told") / "run"
    config = with_loggers(check(compose("train", [*SMALL, *EVERYTHING, "logger=[tensorboard,csv]"])), diary=NODE)
    return run_dir, run(config, run_dir)


def test_another_logger_gets_every_figure_that_tensorboard_gets_at_its_step(told):
    run_dir, _ = told
    its = figures(run_dir)
    for name in sorted({name for name, _ in its}):
        shown = scalars(run_dir, name)
        assert {step: value for of, step in its if of == name for value in [its[of, step]]} == pytest.approx(shown)
    tags = {tag for tag, at in steps(run_dir).items() if at and tag in {name for name, _ in its}}
    assert {"train/loss", "train/loss_step", "val/acc", "test/acc", "val/acc_best", "lr", "train/grad_norm"} <= tags


def test_a_logger_that_takes_images_gets_the_pictures_that_tensorboard_gets(told):
    run_dir, _ = told
    its = pictures(run_dir)
    named = ("samples/", "filters/", "confusion/", "per_class/", "mistakes/", "feature_maps/", "reliability/")
    shown = {(tag, step) for tag, at in steps(run_dir).items() if tag.startswith(named) for step in at}
    assert its == shown
    assert len({name for name, _ in its}) >= 7


def test_a_logger_gets_settings_first_and_the_status_last(told):
    first, *_, last, ended = lines(told[0])
    assert first["params"]["optimizer.lr"] == last["params"]["optimizer.lr"]
    assert "status" not in first["params"]
    assert (last["params"]["status"], ended) == ("finished", {"ended": "success"})


def test_a_logger_that_keeps_weights_is_told_where_the_best_are(told):
    run_dir, _ = told
    [best] = [line["best"] for line in lines(run_dir) if "best" in line]
    assert best == str(run_dir / "checkpoints" / "best.ckpt")


def test_lightnings_csv_has_its_folder_in_the_run_directory(told):
    run_dir, results = told
    rows = table(run_dir / "csv" / "metrics.csv")
    assert [float(row["test/acc"]) for row in rows if "test/acc" in row] == [results["test/acc"]]
    assert [float(row["val/acc_best"]) for row in rows if "val/acc_best" in row] == [results["val/acc"]]
    assert "optimizer.lr: " in (run_dir / "csv" / "hparams.yaml").read_text()
    assert "status: finished" in (run_dir / "csv" / "hparams.yaml").read_text()
    assert len(table(run_dir / "metrics.csv")) == results["epochs"]  # the run's own


@pytest.mark.parametrize("partial", [{}, {"_partial_": True}])
def test_a_node_of_lightnings_logger_is_all_it_takes(make_config, tmp_path, partial):
    node = {"_target_": "lightning.pytorch.loggers.CSVLogger", "name": "mine", **partial}
    run(with_loggers(make_config("logger=none"), csv=node), tmp_path / "run")
    assert "test/acc" in table(tmp_path / "run" / "mine" / "metrics.csv")[-2]


def killed_at(config, step):
    return with_callback(config, "Break", step=step)


def test_a_table_goes_on_where_its_run_does_and_has_no_step_twice(make_config, tmp_path):
    config = make_config("logger=csv", "trainer.max_epochs=3", "trainer.log_every_n_steps=5")
    run(config, tmp_path / "whole")
    with pytest.raises(RunFailed):
        run(killed_at(config, 30), tmp_path / "parts")  # in mid-epoch: from 20 on it is trained again
    before = table(tmp_path / "parts" / "csv" / "metrics.csv")
    assert any(int(row["step"]) > 20 for row in before)  # the control: some of it had been written
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    whole, parts = (table(tmp_path / name / "csv" / "metrics.csv") for name in ("whole", "parts"))
    of_epochs = [[row for row in rows if "epoch" in row] for rows in (whole, parts)]
    assert of_epochs[0] == of_epochs[1]
    at = [int(row["step"]) for row in parts if "train/loss_step" in row]
    assert at == sorted(set(at))
    assert max(at) == 63
    assert parts[-1] == whole[-1]


def test_a_table_of_a_run_that_goes_on_past_its_end_lacks_nothing(make_config, tmp_path):
    config = make_config("logger=csv", "trainer.max_epochs=2", "trainer.log_every_n_steps=5")
    run(config, tmp_path)
    before = [row for row in table(tmp_path / "csv" / "metrics.csv") if "train/loss_step" in row]
    longer = config | {"trainer": config["trainer"] | {"max_epochs": 3}}
    run(longer, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    after = [row for row in table(tmp_path / "csv" / "metrics.csv") if "train/loss_step" in row]
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_a_table_of_another_run_is_not_written_over(make_config, tmp_path):
    node = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": str(tmp_path), "name": "a", "version": "b"}
    config = with_loggers(make_config("logger=none"), csv=node)
    run(config, tmp_path / "first")
    before = (tmp_path / "a" / "b" / "metrics.csv").read_text()
    with pytest.raises(UserError, match=r"^logger.csv: it would write over .*/a/b/metrics.csv; give"):
        run(config, tmp_path / "second")
    assert (tmp_path / "a" / "b" / "metrics.csv").read_text() == before


def test_a_logger_that_fails_costs_its_figures_and_nothing_else(make_config, tmp_path, caplog):
    config = make_config("logger=none")
    with caplog.at_level(logging.WARNING):
        broken = run(with_loggers(config, diary=NODE | {"tears_at": 5}), tmp_path / "broken")
    said = [record.message for record in caplog.records if "logger.diary" in record.message]
    assert said[0] == "logger.diary: OSError: [Errno 28] no paper left; the run goes on without this logger"
    assert [line for line in said if "goes on" in line] == said[:1]
    assert broken["status"] == "finished"
    assert all(line.get("step", 0) == 0 and "ended" not in line for line in lines(tmp_path / "broken"))  # nor later
    assert broken["test/acc"] == run(config, tmp_path / "without")["test/acc"]


@pytest.mark.parametrize(("option", "package"), [("wandb", "wandb"), ("mlflow", "mlflow")])
def test_a_tracker_that_is_not_installed_is_named_before_anything_is_written(make_config, monkeypatch, option, package):
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(UserError) as refusal:
        make_config(f"logger={option}")
    message = f'logger.{option}: needs {package}, which is not installed: pip install "groundup[{package}]"'
    assert str(refusal.value) == message


def test_no_password_of_mlflow_is_written_down(make_config):
    address = "http://me:secret@server:5000"
    with pytest.raises(UserError, match="must hold no password, because it would be written down") as refusal:
        make_config("logger=mlflow", f"logger.mlflow.tracking_uri={address}")
    assert "secret" not in str(refusal.value)


def test_folders_of_loggers_are_where_the_command_was_typed(make_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = make_config("logger=csv", "+logger.csv.save_dir=logs")
    assert config["logger"]["csv"]["save_dir"] == str(tmp_path / "logs")


def test_an_interrupted_run_says_so_to_its_loggers(make_config, tmp_path):
    config = with_loggers(make_config("logger=none"), diary=NODE)
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=25), tmp_path / "run")
    *_, best, last, ended = lines(tmp_path / "run")
    assert best["metrics"].keys() == {"val/acc_best", "val/loss_best"}
    assert (last["params"]["status"], ended) == ("interrupted", {"ended": "failed"})


def test_lightnings_own_tensorboard_logger_has_the_row_of_a_sweeps_job(make_config, tmp_path):
    node = {"_target_": "lightning.pytorch.loggers.TensorBoardLogger"}
    config = with_loggers(make_config("logger=none"), board=node)
    job = FrozenJob(0, ["optimizer.lr=0.1"], config)
    write_columns(
        tmp_path, [job, FrozenJob(1, ["optimizer.lr=0.2"], config | {"optimizer": config["optimizer"] | {"lr": 7}})]
    )
    run(config, tmp_path / "0")
    [row] = (tmp_path / "0" / "lightning_logs" / "version_0").glob("*.hparams")
    content = row.read_bytes()
    assert b"optimizer.lr" in content
    assert settings_of_sweep(tmp_path / "0").groups["0"].encode() in content
