"""Run directories and a sweep of version 0.1 as it was on 2026-11-27 are read, and go on, with the figures of that day.

`old_runs/runs.tar.xz` holds them (digits; small nets; `stopped` was stopped in the middle of its second epoch; of
`sweep` the last of four jobs has not begun), `old_runs/figures.json` what that version's own commands said of them. The
weights of the blocks of NoProp are rounded to 1/32, so that they take little room.
"""

from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from groundup.run.evaluate import evaluate
from groundup.run.predict import predict

HERE = Path(__file__).parent / "old_runs"
FIGURES = json.loads((HERE / "figures.json").read_text())


@pytest.fixture
def old_runs(tmp_path) -> Path:
    with tarfile.open(HERE / "runs.tar.xz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old"


def assert_same(found, name):
    """Of another processor the last digits may differ, and with them one image of 359 (18 in validation)."""
    for key, figure in FIGURES[name].items():
        assert found[key] == pytest.approx(figure, abs=1 / 18 if "acc" in key or "top5" in key else 2e-3), (name, key)


@pytest.mark.parametrize("name", ["mlp", "cnn", "numpy_lenet", "noprop_dt", "block_ce"])
def test_an_old_run_is_evaluated_to_its_figures(old_runs, name):
    found = evaluate(old_runs / name, accelerator="cpu")
    assert_same(found, name)
    assert found["test/loss"] == pytest.approx(FIGURES[name]["test/loss"], rel=1e-5)


def test_an_old_run_predicts_what_it_did(old_runs, tmp_path):
    images = load_digits().images
    for number, (name, probability) in FIGURES["mlp, predictions"].items():
        file = tmp_path / f"{number}.png"
        Image.fromarray((images[int(number)] * 255 / 16).round().astype(np.uint8)).save(file)
        (found,) = predict(old_runs / "mlp", file)
        assert found.classes == (name,)
        assert found.probabilities[0] == pytest.approx(probability, abs=1e-5)


def resumed(command, run_dir, *words):
    ended = command("train.py", *words, "logger=none", "trainer.accelerator=cpu", f"resume={run_dir}")
    assert ended.process.exitcode == 0, ended.stderr
    results = json.loads((run_dir / "results.json").read_text())
    assert results["status"] == "finished"
    return results


def test_an_old_run_stopped_in_an_epoch_goes_on_to_its_figures(old_runs, command):
    results = resumed(
        command, old_runs / "stopped", "model=cnn", "model.width=4", "trainer.max_epochs=3", "data.batch_size=8"
    )
    assert_same(results, "stopped")


def test_an_old_run_goes_on_for_longer(old_runs, command):
    words = ("model=mlp", "model.hidden_dims=[16]", "optimizer.momentum=0")
    words += ("data.limit_train=200", "data.batch_size=32")
    results = resumed(command, old_runs / "mlp", *words, "trainer.max_epochs=3")
    assert results["epochs"] == 3
    with (old_runs / "mlp" / "metrics.csv").open(newline="") as file:
        *_, third = csv.DictReader(file)
    assert_same({name: float(figure) for name, figure in third.items()}, "mlp, a third epoch")


def test_an_old_sweep_goes_on_and_its_table_is_what_it_was(old_runs, command):
    sweep = old_runs / "sweep"
    kept = (sweep / "0" / "results.json").read_bytes()
    ended = command("train.py", "-m", f"sweep.resume={sweep}")
    assert ended.process.exitcode == 0, ended.stderr
    assert (sweep / "0" / "results.json").read_bytes() == kept
    assert_same(json.loads((sweep / "3" / "results.json").read_text()), "sweep/3")


def test_an_old_sweep_and_old_runs_are_reported(old_runs, command):
    ended = command("report.py", str(old_runs), f"out={old_runs / 'report'}")
    assert ended.process.exitcode == 0, ended.stderr
    page = (old_runs / "report" / "report.html").read_text()
    for model in ("mlp", "cnn", "numpy_lenet", "noprop_dt", "block_ce"):
        assert model in page


def test_the_figures_would_tell_another_network(old_runs):
    found = evaluate(old_runs / "mlp", accelerator="cpu", data={"limit_test": 20})
    with pytest.raises(AssertionError):
        assert_same(found, "mlp")
