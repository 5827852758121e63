"""Every kind of part of somebody else's package, through every command: a cell of the matrix is a test.

What a command says of one kind in particular is tested beside the rows of that kind.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from launch import Command
from PIL import Image
from small_runs import equal, weights

pytestmark = pytest.mark.slow

CONF = Path(__file__).parent / "conf"
COMMON = ("--config-dir", str(CONF), "trainer.max_epochs=2", "trainer.accelerator=cpu")
PERCEPTRON = ("model=mlp", "model.hidden_dims=[8]")
CTRL_C = ("+callbacks.ctrl_c._target_=outsider.callbacks.CtrlC", "+callbacks.ctrl_c.step=5")


@dataclass(frozen=True)
class Part:
    """Somebody's part.

    Attributes:
        words: that choose it, and what goes with it.
        varied: a key of it with two values, for a sweep.
        is_read: whether a reader builds it, and so must be told whose it is.
        is_seen_alike: False where nobody knows how an image file becomes one of its images.
    """

    words: tuple[str, ...]
    varied: str
    is_read: bool = False
    is_seen_alike: bool = True


PARTS = {
    "network": Part(("model=tiny",), "model.width=8,16", is_read=True),
    "NumPy network": Part(("model=own_numpy", "optimizer=numpy_sgd"), "model.units=8,16", is_read=True),
    "way of learning": Part(("model=calm",), "model.calmness=0.01,0.1", is_read=True),
    "LightningModule": Part(("model=usual_module",), "model.units=8,16", is_read=True),
    "loss": Part((*PERCEPTRON, "loss=focal"), "loss.gamma=1.0,2.0", is_read=True),
    "optimizer": Part((*PERCEPTRON, "optimizer=sign_sgd"), "optimizer.lr=0.003,0.001"),
    "schedule": Part((*PERCEPTRON, "scheduler=halving"), "scheduler.epochs=1,2"),
    "torch's scheduler": Part((*PERCEPTRON, "scheduler=steplr"), "scheduler.gamma=0.1,0.5"),
    "torch's plateau": Part((*PERCEPTRON, "scheduler=plateau"), "scheduler.factor=0.1,0.5"),
    "LRScheduler": Part((*PERCEPTRON, "scheduler=inverse_sqrt"), "scheduler.offset=10,20"),
    "callback": Part((*PERCEPTRON, "callbacks=diary"), "callbacks.diary.file=a.txt,b.txt"),
    "logger": Part((*PERCEPTRON, "logger=diary"), "+logger.diary.tears_at=1000000,2000000"),
    "data set": Part((*PERCEPTRON, "data=stars"), "data.noise=20,30", is_read=True),
    "data module": Part((*PERCEPTRON, "data=stripes"), "data.bs=16,32", is_read=True, is_seen_alike=False),
}

Call = Callable[..., Command]


@pytest.fixture(params=PARTS, scope="module")
def part(request) -> Part:
    return PARTS[request.param]


@pytest.fixture(scope="module")
def call(tmp_path_factory) -> Call:
    """Runs a command to its end."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(script: str, *words: str) -> Command:
        started = Command.start(script, *words, cwd=elsewhere)
        started.wait()
        return started

    return run


@pytest.fixture(scope="module")
def run_dir(part, call, tmp_path_factory) -> Path:
    """A run with the part that was never stopped."""
    run_dir = tmp_path_factory.mktemp("run")
    trained = call("train.py", *COMMON, *part.words, f"hydra.run.dir={run_dir}")
    assert trained.wait() == 0, trained.stderr
    return run_dir


def results(run_dir: Path) -> dict:
    return json.loads((run_dir / "results.json").read_text())


def test_trains(run_dir):
    found = results(run_dir)
    assert found["status"] == "finished"
    assert all(0 <= found[name] <= 1 for name in ("val/acc", "test/acc"))
    assert (run_dir / "metrics.csv").read_text().count("\n") == 3  # two epochs


def test_is_swept_over(part, call, tmp_path):
    swept = call("train.py", "-m", *COMMON, *part.words, part.varied, f"hydra.sweep.dir={tmp_path}")
    assert swept.wait() == 0, swept.stderr
    key, _, values = part.varied.lstrip("+").partition("=")
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row[key] for row in rows) == sorted(values.split(","))
    assert all(row["val/acc"] for row in rows)


def test_is_stopped_by_ctrl_c_and_goes_on_to_the_same_weights(part, call, run_dir, tmp_path):
    words = (*COMMON, *part.words)
    assert call("train.py", *words, *CTRL_C, f"hydra.run.dir={tmp_path}").wait() == 130
    assert results(tmp_path)["status"] == "interrupted"
    assert not equal(weights(tmp_path), weights(run_dir))
    went_on = call("train.py", *words, f"resume={tmp_path}")
    assert went_on.wait() == 0, went_on.stderr
    assert equal(weights(tmp_path), weights(run_dir))
    assert results(tmp_path)["test/acc"] == results(run_dir)["test/acc"]


def test_is_evaluated(part, call, run_dir):
    trust = ["trust=[outsider]"] if part.is_read else []
    evaluated = call("evaluate.py", f"run={run_dir}", "accelerator=cpu", *trust)
    assert evaluated.wait() == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["test/acc"] == results(run_dir)["test/acc"]


def test_is_not_built_for_a_reader_that_was_not_told_whose_it_is(part, call, run_dir):
    if part.is_read:
        refused = call("evaluate.py", f"run={run_dir}")
        assert refused.wait() == 2
        assert "trust=[outsider]" in refused.stderr
        assert refused.stderr.count("\n") <= 2


def test_predicts(part, call, run_dir, tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    words = (f"run={run_dir}", f"images={tmp_path}", f"out={tmp_path / 'out.csv'}", "top=1000", "trust=[outsider]")
    predicted = call("predict.py", *words)
    if not part.is_seen_alike:
        assert predicted.wait() == 2
        assert predicted.stderr.startswith("error: ")
        return
    assert predicted.wait() == 0, predicted.stderr
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    for image in {row["image"] for row in rows}:
        assert sum(float(row["probability"]) for row in rows if row["image"] == image) == pytest.approx(1, abs=1e-4)


def test_is_reported(part, call, run_dir, tmp_path):
    reported = call("report.py", str(run_dir), f"out={tmp_path}")
    assert reported.wait() == 0, reported.stderr
    assert f"{results(run_dir)['test/acc']:.4f}" in reported.stdout
