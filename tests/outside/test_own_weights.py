"""`init_from` and `freeze`: what is taken is what was there, what is not is said, and what is frozen stays to a bit."""

from __future__ import annotations

import logging
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule
from small_runs import equal, weights, with_callback
from torch import nn

from groundup.callbacks.frozen import KeepFrozen
from groundup.config.hyperparameters import hyperparameters
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, UserError
from groundup.learning.begin_from import fit, put, read_weights
from groundup.learning.freezing import freeze, frozen_modules
from groundup.learning.numpy_net import NumPyNet
from groundup.numpy_nets import BatchNorm, Dense, Sequential
from groundup.run.begin import begin_from, keep_frozen
from groundup.run.learners import build_learner
from groundup.run.resume import find_resume
from groundup.run.run import run
from groundup.sweep.foreign_sweep import _more_than_a_value, _refuse_foreign_config
from groundup.sweep.stacked.stackable import why_not

SMALL = (
    *("data.limit_train=150", "data.limit_test=20", "data.batch_size=24", "trainer.max_epochs=2"),
    *("trainer.accelerator=cpu", "logger=none", "callbacks.progress=null"),
)
NET = ("model=mlp", "model.hidden_dims=[8,8]")
BATCH_NORMS = ("model=cnn", "model.width=4")


@pytest.fixture
def config_of(make_config):
    return lambda *words: make_config(*words, small=SMALL)


@pytest.fixture
def begun(config_of, whole_run):
    """A finished run to begin from."""
    return whole_run(config_of(*NET, "seed=7"))


class First(Callback):
    """Keeps the weights that the first step begins with."""

    def on_train_batch_start(self, trainer, pl_module, *_):
        if trainer.global_step == 0:
            First.seen = {name: value.clone() for name, value in pl_module.state_dict().items()}


def first_of(config, run_dir, **options):
    node = {"_target_": f"{__name__}.First"}
    results = run(config | {"callbacks": {**config["callbacks"], "first": node}}, run_dir, **options)
    return First.seen, results


def test_a_run_begins_with_the_best_weights_of_another(config_of, begun, tmp_path):
    config = config_of(*NET, f"init_from={begun}")
    seen, results = first_of(config, tmp_path)
    assert equal(seen, weights(begun, "best"))
    assert results["init_from"] == str(begun)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["init_from"] == str(begun)
    assert hyperparameters(config)["init_from"] == str(begun)
    assert not equal(seen, first_of(config_of(*NET), tmp_path / "without")[0])


def test_the_optimizers_state_is_not_taken(config_of, begun, tmp_path):
    config = config_of(*NET, f"init_from={begun}/checkpoints/last.ckpt")
    plain = build_learner(config, make_spec(config["data"]))
    plain.load_state_dict(weights(begun, "last"))
    torch.save(plain.state_dict(), tmp_path / "weights.pt")
    run(config, tmp_path / "a")
    run(config | {"init_from": str(tmp_path / "weights.pt")}, tmp_path / "b")
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_the_head_for_other_classes_is_left_out_and_listed(config_of, begun, caplog):
    config = config_of(*NET, f"init_from={begun}")
    spec = make_spec(config["data"])
    more = replace(spec, class_names=tuple(map(str, range(12))))
    learner = build_learner(config, more)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    with caplog.at_level(logging.INFO):
        taken = begin_from(learner, config, more)
    after, best = learner.state_dict(), weights(begun, "best")
    assert set(after) - set(taken) == {"net.head.weight", "net.head.bias"}
    assert all(torch.equal(after[name], (best if name in taken else before)[name]) for name in after)
    assert "4 of 6 weights and statistics" in caplog.text
    assert "head.weight (10, 8), here (12, 8); head.bias (10), here (12)" in caplog.text


def test_classes_in_another_order_are_said(config_of, begun, caplog):
    config = config_of(*NET, f"init_from={begun}")
    spec = make_spec(config["data"])
    names = list(spec.class_names)
    turned = replace(spec, class_names=(*names[:2], names[3], names[2], *names[4:]), mean=(0.4,))
    begin_from(build_learner(config, turned), config, turned)
    assert f"class 2 was {names[2]!r} and is {names[3]!r}" in caplog.text
    assert "normalised otherwise: mean" in caplog.text
    caplog.clear()
    begin_from(build_learner(config, spec), config, spec)
    assert not caplog.text


def test_another_loss_or_activation_is_said(config_of, begun, caplog):
    config = config_of(*NET, f"init_from={begun}", "loss=mse", "model.activation=tanh")
    spec = make_spec(config["data"])
    begin_from(build_learner(config, spec), config, spec)
    assert "trained with model.activation=relu, here model.activation=tanh" in caplog.text
    assert "trained with loss.name=cross_entropy, here loss.name=mse" in caplog.text


def take(own, path):
    put(own, fit(own, read_weights(path)[0]), path)


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10))


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name,
        lambda name: f"net.{name}",
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"model._orig_mod.{name}",
        lambda name: f"module._orig_mod.net.{name}",
    ],
)
@pytest.mark.parametrize("within", [None, "state_dict", "model", "model_state_dict", "weights"])
def test_weights_of_other_projects_are_found(tmp_path, rename, within):
    theirs, own = network(), network()
    theirs[1].running_mean += 3
    state = {rename(name): value for name, value in theirs.state_dict().items()}
    torch.save({"epoch": 3, within: state, "optimizer": {"state": {}}} if within else state, tmp_path / "x.pth")
    found, _ = read_weights(tmp_path / "x.pth")
    put(own, fit(own, found), tmp_path / "x.pth")
    assert equal(own.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_kinds_of_numbers_are_converted(tmp_path, dtype):
    theirs, own = network().to(dtype), network()
    torch.save(theirs.state_dict(), tmp_path / "x.pt")
    put(own, fit(own, read_weights(tmp_path / "x.pt")[0]), tmp_path / "x.pt")
    assert all(value.dtype != dtype for value in own.state_dict().values())
    assert all(torch.equal(own.state_dict()[name], value.float()) for name, value in theirs.state_dict().items())


def test_what_holds_no_weights_for_this_network_is_refused(config_of, tmp_path):
    state = {name: value + float("nan") for name, value in network().state_dict().items() if value.ndim}
    contents = {
        "whole": (nn.Linear(2, 2), "refused, it is damaged or holds more than tensors"),
        "list": ([torch.zeros(3)], "it must hold one mapping from names to tensors; there is none"),
        "two": ({"student": state, "teacher": state}, "there are several: student, teacher"),
        "other": ({"a.weight": torch.zeros(3)}, "none of its weights fits by name and shape; it has a.weight, this"),
        "nan": (state, "values of 0.weight are no numbers"),
    }
    for name, (content, said) in contents.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(UserError, match=said):
            take(network(), tmp_path / name)
    with pytest.raises(UserError, match=r"init_from=.*other: none of its weights fits by name and shape"):
        run(config_of(*NET, f"init_from={tmp_path}/other"), tmp_path / "run")
    assert not list(tmp_path.rglob("*.ckpt"))


def test_that_hardly_anything_fits_is_a_warning(config_of, begun, caplog):
    config = config_of("model=lenet", f"init_from={begun}")
    spec = make_spec(config["data"])
    begin_from(build_learner(config, spec), config, spec)
    assert caplog.messages[0].startswith("init_from: 1 of 10 weights and statistics are those of")


def test_a_path_where_nothing_is_is_refused_at_once(config_of, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, said in (("nix", "there is no such run directory or file"), ("empty", "there is no .*best.ckpt")):
        with pytest.raises(UserError, match=f"init_from=.*{path}: {said}"):
            config_of(*NET, f"init_from={tmp_path / path}")


def test_weights_of_classes_are_those_of_the_config(config_of, begun):
    config = config_of(*NET, f"init_from={begun}")
    learner = build_learner(config, make_spec(config["data"]))
    learner.loss.register_buffer("weight", torch.ones(10))
    assert fit(learner, {"loss.weight": torch.zeros(10)}, frozenset({"loss.weight"})).taken == {}


@pytest.mark.parametrize(
    "words",
    [
        ("model=numpy_mlp", "model.hidden_dims=[8]", "optimizer=numpy_sgd"),
        ("model=noprop_dt", "model.blocks=2", "data.image_size=16"),
        ("model=forward_forward", "model.hidden_dims=[8,8]"),
        ("model=speednet", "model.widths=[4,4,4]", "data.image_size=16"),
        ("model=noprop_dt", "model.blocks=2", "data.image_size=16", "model.embedding=prototype"),
    ],
    ids=lambda words: "".join(words[0::3]),
)
def test_every_way_of_learning_begins_from_weights(config_of, tmp_path, words):
    config = config_of(*words, "seed=7", "trainer.max_epochs=1")
    run(config, tmp_path / "before")
    again = config | {"init_from": str(tmp_path / "before"), "seed": 8}
    seen, _ = first_of(again, tmp_path / "after")
    assert equal(seen, weights(tmp_path / "before", "best"))


# resume


def test_a_stopped_run_goes_on_whatever_has_become_of_the_weights(config_of, begun, tmp_path):
    copy = tmp_path / "copy.ckpt"
    copy.write_bytes((begun / "checkpoints" / "best.ckpt").read_bytes())
    config = config_of(*NET, f"init_from={copy}", "freeze=[features.1]")
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=7, signum=int(signal.SIGTERM)), tmp_path / "runs" / "parts")
    copy.unlink()
    config = config_of(*NET, f"init_from={copy}", "freeze=[features.1]", "resume=auto")
    assert find_resume(config, tmp_path / "runs") == tmp_path / "runs" / "parts"
    assert find_resume(config | {"init_from": None}, tmp_path / "runs") is None
    last = tmp_path / "runs" / "parts" / "checkpoints" / "last.ckpt"
    run(config, tmp_path / "runs" / "parts", resume=last)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "runs" / "parts"))


def test_a_run_does_not_go_on_as_one_that_began_otherwise(config_of, begun, tmp_path):
    with pytest.raises(UserError, match="that run has init_from=None, but this command says init_from="):
        find_resume(config_of(*NET, "seed=7", f"init_from={begun}", f"resume={begun}"), begun.parent)
    with pytest.raises(UserError, match=r"that run has freeze=\[\], but this command says freeze="):
        find_resume(config_of(*NET, "seed=7", "freeze=[head]", f"resume={begun}"), begun.parent)
    with pytest.raises(UserError, match=r"freeze=\[head\] with resume=.*: that run has \[\]"):
        run(config_of(*NET, "seed=7", "freeze=[head]"), tmp_path, resume=begun / "checkpoints" / "last.ckpt")


def test_a_run_from_before_goes_on_with_auto(config_of, tmp_path):
    config = config_of(*NET)
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=7, signum=int(signal.SIGTERM)), tmp_path / "old")
    file = tmp_path / "old" / "config.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(("init_from", "freeze"))]
    file.write_text("\n".join(lines))
    assert find_resume(config | {"resume": "auto"}, tmp_path) == tmp_path / "old"


# freeze


def frozen_run(config, run_dir):
    seen, results = first_of(config, run_dir)
    return seen, weights(run_dir), results


@pytest.mark.parametrize(
    ("words", "patterns", "stay"),
    [
        (NET, "features", "net.features"),
        (NET, "features.1,features.3.weight", ("net.features.1.", "net.features.3.weight")),
        (NET, "'*.weight'", ("net.features.1.weight", "net.features.3.weight", "net.head.weight")),
        (BATCH_NORMS, "stem*,stages.0", ("net.stem", "net.stages.0.")),
        (("model=numpy_mlp", "model.hidden_dims=[8]", "optimizer=numpy_sgd"), "features", "net.features"),
        (("model=noprop_dt", "model.blocks=2", "data.image_size=16"), "blocks.0", "net.blocks.0."),
        (("model=forward_forward", "model.hidden_dims=[8,8]"), "layers.0", "net.layers.0."),
    ],
)
def test_what_is_frozen_stays_to_the_last_bit_and_all_else_learns(config_of, tmp_path, words, patterns, stay):
    decay = ("optimizer.weight_decay=0.1", "optimizer.lr=0.05")
    begins, ends, _ = frozen_run(config_of(*words, *decay, f"freeze=[{patterns}]"), tmp_path)
    frozen = {name for name in begins if name.startswith(stay)}
    changed = {name for name in begins if not torch.equal(begins[name], ends[name])}
    assert frozen
    assert not changed & frozen
    learning = {name for name in begins if name not in frozen and not name.startswith("net.embedding")}
    assert learning <= changed


def test_a_running_mean_of_what_is_frozen_is_what_it_was(config_of, tmp_path):
    words = (*BATCH_NORMS, "freeze=[stages.0]", "callbacks=ema", "callbacks.ema.decay=0.7")
    begins, ends, _ = frozen_run(config_of(*words), tmp_path)
    same = {name: torch.equal(begins[name], ends[name]) for name in begins}
    assert {stays for name, stays in same.items() if "stages.0." in name} == {True}
    assert not any(stays for name, stays in same.items() if "stages.1." in name)


def test_running_statistics_of_what_is_frozen_stay_too_after_a_validation_as_well(config_of, tmp_path):
    begins, ends, _ = frozen_run(config_of(*BATCH_NORMS, "freeze=[stages.0]"), tmp_path)
    statistics = [name for name in begins if "running_" in name or "num_batches" in name]
    assert {torch.equal(begins[name], ends[name]) for name in statistics if "stages.0." in name} == {True}
    assert {torch.equal(begins[name], ends[name]) for name in statistics if "stages.1." in name} == {False}


def test_batch_norms_by_hand_keep_theirs():
    rng = np.random.default_rng(0)
    images = torch.randn(16, 3)
    for patterns, stay in (([], False), (["norm"], True)):
        net = NumPyNet(Sequential({"norm": BatchNorm(3), "head": Dense(3, 2, rng=rng)})).train()
        before = {name: value.clone() for name, value in net.state_dict().items() if "running" in name}
        if patterns:
            KeepFrozen(frozen_modules(net, freeze(net, patterns))).on_train_batch_start()
        net(images).square().sum().backward()
        assert {torch.equal(net.state_dict()[name], value) for name, value in before.items()} == {stay}
        assert net.head.weight.grad is not None
        assert (net.norm.weight.grad is None) == stay


def test_how_much_learns_is_said(config_of, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(config_of(*NET, "freeze=[features]"), tmp_path)
    assert "freeze: 90 of 682 weights learn; these stay: features.1.weight" in caplog.text
    assert "682 parameters (90 trainable)" in caplog.text


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (
            ["feature"],
            r"freeze=\[feature\]: no layer.*did you mean features\? The first parts of names are features, head",
        ),
        (["net.head"], "did you mean head"),
        (["*"], r"freeze=\[\*\]: that is all there is, and nothing is left to learn"),
        (["features", "head"], "nothing is left to learn"),
    ],
)
def test_a_name_of_nothing_and_of_everything_is_refused(config_of, patterns, said):
    config = config_of(*NET)
    with pytest.raises(UserError, match=said):
        freeze(build_learner(config, make_spec(config["data"])), patterns)


def test_a_layer_may_be_a_number(config_of):
    assert config_of(*NET, "freeze=[0]")["freeze"] == [0]
    net = network()
    keep_frozen(net, [0])
    assert not net[0].weight.requires_grad
    assert net[3].weight.requires_grad


def test_a_wrong_value_is_refused(config_of):
    with pytest.raises(UserError, match=r"freeze=features: must be a list; a list is written \[features\]"):
        config_of(*NET, "freeze=features")


def test_what_is_frozen_without_having_been_taken_is_said(config_of, begun, caplog):
    config = config_of(*NET, f"init_from={begun}", "freeze=[head]")
    spec = replace(make_spec(config["data"]), class_names=tuple(map(str, range(12))))
    learner = build_learner(config, spec)
    freeze(learner, config["freeze"])
    begin_from(learner, config, spec)
    assert "keep their initial values: net.head.weight, net.head.bias" in caplog.text


def test_a_captured_step_leaves_what_is_frozen(config_of, tmp_path, tape):
    begins, ends, _ = frozen_run(config_of(*BATCH_NORMS, "freeze=[stages.0]", "trainer.capture=true"), tmp_path)
    assert tape
    assert all(torch.equal(begins[name], ends[name]) for name in begins if "stages.0." in name)
    assert not torch.equal(begins["net.head.weight"], ends["net.head.weight"])


def test_neither_is_stacked_and_a_strangers_sweep_names_no_weights(config_of, begun):
    assert "freeze=['head']" in why_not(config_of(*NET, "freeze=[head]"))
    assert f"init_from={begun}" in why_not(config_of(*NET, f"init_from={begun}"))
    assert why_not(config_of(*NET)) is None
    assert _more_than_a_value(f"init_from={begun}")
    with pytest.raises(UserError, match="only weights that the command names are read"):
        _refuse_foreign_config({"init_from": "/etc/passwd"}, ())


class Both(LightningModule):
    """Names that would be one without what stands before the first."""

    def __init__(self):
        super().__init__()
        self.net = nn.ModuleDict({"features": nn.Linear(3, 2)})
        self.features = nn.Linear(3, 2)


def test_names_in_a_lightning_module_are_those_of_its_layers():
    module = Both()
    assert freeze(module, ["net.features"]) == ["net.features.weight", "net.features.bias"]
    assert module.features.weight.requires_grad
    assert frozen_modules(module, ["net.features.weight", "net.features.bias"]) == [module.net]
    fitted = fit(module, Both().state_dict())
    assert set(fitted.taken) == set(module.state_dict())
    with pytest.raises(UserError, match=r"freeze=\[feature\].*The first parts of names are net, features"):
        freeze(Both(), ["feature"])


def test_weights_of_a_network_alone_fit_the_lightning_module_around_it():
    class Around(LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, 2))

    assert set(fit(Around(), nn.Sequential(nn.Linear(3, 2)).state_dict()).taken) == {"net.0.weight", "net.0.bias"}
