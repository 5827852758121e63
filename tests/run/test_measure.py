"""Times of predictions: of what evaluates, in turn, in the unit that they say, and the network left as it was."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from groundup.errors import UserError
from groundup.learning.predictor import Predictor
from groundup.run.costs import size_on_disk
from groundup.run.evaluate import evaluate
from groundup.run.measure import Measured, load, measure, seconds_of
from groundup.spec import DatasetSpec

SPEC = DatasetSpec("tiny", 1, 8, 8, tuple("0123456789"), (0.5,), (0.5,), 10, 10)


def measured(calls):
    module = Predictor(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), SPEC, nn.CrossEntropyLoss())
    return Measured(module, SPEC, calls)


def test_a_pause_is_measured_as_long_as_it_is():
    calls = {"image_ms": lambda: time.sleep(0.004), "batch_ms": lambda: time.sleep(0.03)}
    [found] = measure([measured(calls)], batch=8, threads=1, rounds=3)
    assert 4 <= found["image_ms"] < 20  # milliseconds
    assert 30 <= found["batch_ms"] < 100
    assert (found["batch"], found["threads"], found["rounds"]) == (8, 1, 3)
    assert found["macs"] == 640
    assert found["cpu"]


def test_networks_take_turns():
    order = []
    networks = [
        measured({"image_ms": lambda i=i: order.append(i) or time.sleep(0.02), "batch_ms": lambda: time.sleep(0.02)})
        for i in range(3)
    ]
    measure(networks, batch=1, threads=1, rounds=2)
    assert order == [0, 1, 2] * 3  # the first time to warm up


def test_a_busy_moment_does_not_count():
    pauses = iter([0.001, 0.05] + [0.001] * 100)
    assert seconds_of(lambda: time.sleep(next(pauses))) > 0.02  # two calls, one of them long: the control
    pauses = iter([0.001, 0.001, 0.001, 0.05] + [0.001] * 100)
    assert seconds_of(lambda: time.sleep(next(pauses))) < 0.02


def test_readings_that_scatter_are_seen():
    network = measured({})
    network.readings = {"image_ms": [1.0, 1.01, 1.02, 1.0, 1.01], "batch_ms": [5.0, 5.1, 5.2, 5.0, 5.1]}
    assert not network.scatters
    network.readings["batch_ms"] = [5.0, 9.0, 5.0, 9.0, 7.0]
    assert network.scatters


def test_what_is_measured_is_the_runs_network_and_nothing_of_the_run_changes(small_run):
    results, run_dir = small_run
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    network = load(run_dir, batch=4)
    built = torch.get_rng_state()
    [found] = measure([network], batch=4, threads=1, rounds=1)
    assert {name: found[name] for name in ("parameters", "macs", "size_on_disk")} == {
        name: results[name] for name in ("parameters", "macs", "size_on_disk")
    }
    assert found["macs"] == 64 * 16 + 16 * 10
    assert found["size_on_disk"] == size_on_disk(network.module) == 4 * (64 * 16 + 16 + 16 * 10 + 10)
    assert 0 < found["image_ms"] < 1000
    assert torch.equal(torch.get_rng_state(), built)
    assert torch.get_num_threads() == threads
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    torch.set_rng_state(state)
    assert evaluate(run_dir, accelerator="cpu")["test/acc"] == results["test/acc"]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"config\.yaml"):
        load(tmp_path, batch=1)


def test_a_network_that_cannot_take_the_batch_is_said_before_any_is_measured(small_run, monkeypatch):
    _, run_dir = small_run
    answer = Predictor.forward

    def forward(self, images):
        if len(images) > 4:
            raise ValueError("four at most")
        return answer(self, images)

    monkeypatch.setattr(Predictor, "forward", forward)
    load(run_dir, batch=4)
    with pytest.raises(UserError, match=r"1 and 5 images at once: .*four at most"):
        load(run_dir, batch=5)
