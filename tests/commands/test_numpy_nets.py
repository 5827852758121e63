"""The hand-written networks on the rails: trained, stopped, resumed, evaluated and swept as any other."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from launch import PROJECT, resume_here, train_here
from lightning.pytorch import Callback

from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.check import check
from groundup.config.trust import refuse_foreign_targets
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import evaluate
from groundup.run.learners import build_learner
from groundup.run.parts import assemble
from groundup.run.predict import predict
from groundup.run.quiet import quiet
from groundup.run.trainer import trainer_options

NET = ("model=numpy_mlp", "model.hidden_dims=[16]", "logger=none")
CPU = ("trainer.accelerator=cpu", "trainer.max_epochs=2")


class Stop(Callback):
    """Ctrl-C within the second epoch."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 14:
            os.kill(os.getpid(), signal.SIGINT)


def last(run_dir):
    return load_checkpoint(run_dir / "checkpoints" / "last.ckpt")


def same(ours, theirs) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_whole_command_trains_and_is_evaluated(command, tmp_path):
    run_dir = tmp_path / "run"
    done = command("train.py", *NET, "data=digits", *CPU, "trainer.max_epochs=4", f"hydra.run.dir={run_dir}")
    assert (done.wait(), done.stderr) == (0, "")
    results = json.loads((run_dir / "results.json").read_text())
    assert (results["status"], results["model"], results["device"]) == ("finished", "numpy_mlp", "cpu")
    assert results["test/acc"] > 0.8
    assert "1,184 multiply-adds per image" in done.stdout  # 64 * 16 + 16 * 10
    assert evaluate(run_dir)["test/acc"] == pytest.approx(results["test/acc"], abs=1e-9)


def test_a_sweep_goes_over_both_kinds_of_network(command, tmp_path):
    words = ("-m", "model=mlp,numpy_mlp", *CPU, f"hydra.sweep.dir={tmp_path}/s")
    done = command("train.py", *words)
    assert (done.wait(), done.stderr) == (0, "")
    models = [
        json.loads((tmp_path / "s" / job / "results.json").read_text())["model"] for job in ("0 mlp", "1 numpy_mlp")
    ]
    assert models == ["mlp", "numpy_mlp"]


@pytest.mark.parametrize("optimizer", ["numpy_adam", "sgd"])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, optimizer):
    options = (*NET, f"optimizer={optimizer}", "model.batch_norm=true", "model.dropout=0.3", "trainer.accelerator=cpu")
    train_here(tmp_path / "whole", *options, "trainer.max_epochs=3")
    with pytest.raises(Interrupted):
        train_here(tmp_path / "stopped", *options, "trainer.max_epochs=3", f"+callbacks.stop._target_={__name__}.Stop")
    assert last(tmp_path / "stopped")["global_step"] == 14
    resume_here(tmp_path / "stopped", without="stop")
    assert same(last(tmp_path / "stopped")["state_dict"], last(tmp_path / "whole")["state_dict"])
    train_here(tmp_path / "other", *options, "trainer.max_epochs=3", "seed=1")  # the control
    assert not same(last(tmp_path / "other")["state_dict"], last(tmp_path / "whole")["state_dict"])


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("+trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=0.05"),
        ("+callbacks.average={_target_: lightning.pytorch.callbacks.EMAWeightAveraging, decay: 0.9}",),
        ("model.batch_norm=true",),
    ],
    ids=["plain", "accumulated and clipped", "averaged", "batch norm"],
)
def test_in_the_trainer_it_learns_what_its_twin_learns(compose_config, tmp_path, options):
    start, ends = {}, []
    for model, optimizer in (("numpy_mlp", "numpy_adam"), ("mlp", "adam")):
        words = (f"model={model}", f"optimizer={optimizer}", "model.hidden_dims=[8]", "trainer.precision=64-true")
        config = check(compose_config(*words, *CPU, "logger=none", "~callbacks.progress", *options))
        (tmp_path / model).mkdir()
        with quiet():
            parts = assemble(config, tmp_path / model, StopOnSignal())
            start = start or copy.deepcopy(parts.learner.net.state_dict())
            parts.learner.net.load_state_dict(start)
            parts.trainer.fit(parts.learner, datamodule=parts.data)
        ends.append(parts.learner.net.state_dict())
    for name, ours in ends[0].items():
        torch.testing.assert_close(ours, ends[1][name], rtol=1e-6, atol=1e-9)
    assert ours.dtype == torch.float64
    assert not torch.allclose(ends[0]["head.weight"].float(), start["head.weight"].float(), rtol=1e-3)


def test_in_double_precision_the_arrays_are_float64_and_still_the_weights(compose_config, tmp_path):
    config = check(compose_config(*NET, *CPU, "trainer.precision=64-true"))
    with quiet():
        parts = assemble(config, tmp_path, StopOnSignal())
        parts.trainer.fit(parts.learner, datamodule=parts.data)
    net = parts.learner.net
    arrays = net.net.params
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float64)}
    assert all(np.shares_memory(arrays[name], p.detach().numpy()) for name, p in net.named_parameters())


@pytest.mark.parametrize("accelerator", ["cuda", "gpu", "mps"])
def test_asked_for_a_gpu_it_says_in_one_line_that_numpy_computes_on_the_cpu(tmp_path, caplog, accelerator):
    caplog.set_level("INFO")
    results = train_here(tmp_path, *NET, "debug=fast", f"trainer.accelerator={accelerator}", "trainer.devices=[0]")
    assert (results["status"], results["device"]) == ("finished", "cpu")
    said = [line for line in caplog.messages if "NumPy" in line]
    assert said == [f"accelerator={accelerator}: NumPy computes numpy_mlp on the CPU"]
    caplog.clear()
    evaluate(tmp_path, accelerator=accelerator)
    assert [line for line in caplog.messages if "NumPy" in line] == said


def learner_of(config):
    return build_learner(config, make_spec(config["data"]))


def test_auto_says_so_where_there_is_a_gpu_alone(compose_config, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")
    config = check(compose_config(*NET))
    for there in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert trainer_options(config, learner_of(config))["accelerator"] == "cpu"
        assert len(caplog.messages) == there
    config = check(compose_config("model=mlp"))
    assert trainer_options(config, learner_of(config))["accelerator"] == "auto"  # the control
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("recipe", ["overfit", "profile"])
def test_debugging_works(tmp_path, recipe):
    results = train_here(tmp_path, *NET, f"debug={recipe}", "trainer.accelerator=cpu", "trainer.max_epochs=2")
    assert results["status"] == "finished"


def test_predictions_of_squared_error_are_its_outputs_not_their_softmax(tmp_path, make_folder):
    folder = make_folder("L", train=30, test=2)
    data = ("data=image_folder", f"data.root={folder}", "data.image_size=8", "data.channels=1", "data.batch_size=4")
    options = ("model.output=sigmoid", "loss=squared_error", "loss.reduction=batchmean", "trainer.max_epochs=15")
    train_here(tmp_path / "run", *NET, *data, *options, "trainer.accelerator=cpu")
    predictions = list(predict(tmp_path / "run", folder / "test", top=2))
    assert all(sum(prediction.probabilities) == pytest.approx(1) for prediction in predictions)
    # the softmax of sigmoids, numbers of 0..1, never exceeds e / (e + 1) = 0.731
    assert max(prediction.probabilities[0] for prediction in predictions) > 0.8


def test_a_config_from_elsewhere_may_name_factories_of_networks_alone(tmp_path):
    refuse_foreign_targets({"model": {"_target_": "groundup.numpy_nets.models.lenet"}})
    for target in ("groundup.numpy_nets.weights.load", "groundup.numpy_nets.Sequential", "groundup.numpy_nets.np.load"):
        with pytest.raises(UserError, match="refused"):
            refuse_foreign_targets({"model": {"_target_": target}})


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path):
    words = [*NET, *CPU, "model.batch_norm=false", "model.dropout=0"]
    line = [sys.executable, str(PROJECT / "train.py"), *words, "trainer.devices=2", f"hydra.run.dir={tmp_path}/two"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")
    train_here(tmp_path / "one", *words)
    ours, theirs = last(tmp_path / "two")["state_dict"], last(tmp_path / "one")["state_dict"]
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs)
    assert yaml.safe_load((tmp_path / "two" / "config.yaml").read_text())["trainer"]["devices"] == 2
