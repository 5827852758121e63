"""Every argument of Lightning's Trainer, and every callback of Lightning's, works by its effect or is refused in words.

`test_argument_NAME` and `test_callback_NAME` show the effect of what works; that there is one for each is a test too.
"""

from __future__ import annotations

import csv
import inspect
import logging
from functools import partial
from pathlib import Path

import lightning.pytorch.callbacks as lightning_callbacks
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, LambdaCallback, ProgressBar, StochasticWeightAveraging
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from small_runs import weights

from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.trainer_arguments import (
    REFUSED_ARGUMENTS,
    REFUSED_CALLBACKS,
    SET_BY_THE_RUN,
    TRAINER_ARGUMENTS,
    WORKING_ARGUMENTS,
    WORKING_CALLBACKS,
    table,
)
from groundup.config.trainer_options import TrainerKeys
from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.errors import RunFailed, UserError
from groundup.run.callbacks import build_callbacks
from groundup.run.learners import build_learner
from groundup.run.parts import assemble
from groundup.run.run import run
from groundup.run.trainer import build_trainer, trainer_options

# Epochs of 6 steps, of 180 images in batches of 32; 20 images are validated, 200 tested in batches of 50
TINY = ("logger=none", "data.limit_train=200", "data.batch_size=32", "data.limit_test=200", "data.eval_batch_size=50")
PLAIN = ("optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false", "optimizer.weight_decay=0")
STEPS = 6
OWN = "callbacks.progress=null"


@pytest.fixture
def train(make_config, tmp_path, monkeypatch):
    """A tiny run with overrides; `spy` is one more callback, `logged` a list for what a logger gets to know."""

    def go(*overrides, spy=None, logged=None):
        extra = [spy] if spy else []
        monkeypatch.setattr("groundup.run.parts.build_callbacks", lambda config: [*build_callbacks(config), *extra])
        config = make_config(*TINY, *overrides)
        if logged is not None:
            config["logger"] = {"memory": {"_target_": f"{__name__}.memory", "_partial_": True, "logged": logged}}
            monkeypatch.setattr("groundup.run.loggers.build_as_is", lambda node: partial(memory, logged=logged))
        run_dir = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        return run(config, run_dir), run_dir

    return go


def memory(run_dir, first_step, logged):
    class Memory(DummyLogger):
        def log_metrics(self, metrics, step=None):
            logged.append((step, dict(metrics)))

    return Memory()


def noting(hook, note):
    """What `note(trainer, learner, ...)` gives whenever a hook is called, and the callback that notes it."""
    noted = []
    return noted, LambdaCallback(**{hook: lambda *given: noted.append(note(*given))})


def snapshot(learner):
    return torch.cat([p.detach().flatten().clone() for p in learner.net.parameters()])


def lightning(name, **arguments):
    listed = "".join(f", {key}: {value}" for key, value in arguments.items())
    return f"+callbacks.x={{_target_: lightning.pytorch.callbacks.{name}{listed}}}"


def rows(run_dir):
    with (run_dir / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# The tables


def names_tried(kind):
    return {name.removeprefix(f"test_{kind}_") for name in globals() if name.startswith(f"test_{kind}_")}


def test_every_argument_of_the_installed_trainer_is_in_the_table_once():
    arguments = [*SET_BY_THE_RUN, *WORKING_ARGUMENTS, *REFUSED_ARGUMENTS]
    assert sorted(arguments) == sorted(inspect.signature(Trainer).parameters)
    assert sorted(TRAINER_ARGUMENTS) == sorted([*WORKING_ARGUMENTS, *REFUSED_ARGUMENTS])
    assert names_tried("argument") == set(WORKING_ARGUMENTS)


def test_every_callback_of_the_installed_lightning_is_in_the_table_once():
    found = [name for name, value in vars(lightning_callbacks).items() if isinstance(value, type)]
    found = [name for name in found if issubclass(getattr(lightning_callbacks, name), Callback)]
    assert sorted(found) == sorted([*WORKING_CALLBACKS, *REFUSED_CALLBACKS])
    assert names_tried("callback") == set(WORKING_CALLBACKS)


def test_values_of_working_arguments_are_checked_and_refused_ones_default_to_lightnings():
    assert set(WORKING_ARGUMENTS) == set(TrainerKeys.model_fields) - {"compile", "capture"}
    signature = inspect.signature(Trainer).parameters
    for name, refused in REFUSED_ARGUMENTS.items():
        assert refused.default in (signature[name].default, bool(signature[name].default is None) or None), name


def test_the_table_has_a_row_for_everything():
    listed = table()
    for name in (*TRAINER_ARGUMENTS, *WORKING_CALLBACKS, *REFUSED_CALLBACKS):
        assert listed.count(f"| `{name}` |") == 1, name


# Arguments that work


def test_the_page_of_the_documentation_is_the_table():
    page = Path(__file__).parents[2] / "docs" / "reference" / "trainer.md"
    assert page.read_text().endswith(f"\n\n{table()}\n")


def test_argument_accelerator(train, make_config):
    devices, spy = noting("on_train_start", lambda _, learner: next(learner.parameters()).device.type)
    train("trainer.max_epochs=1", spy=spy)
    assert devices == ["cpu"]
    if not torch.backends.mps.is_available():
        with pytest.raises(UserError, match=r"trainer.accelerator=mps: this machine has none"):
            train("trainer.accelerator=mps")


def test_argument_accumulate_grad_batches(train):
    one = (*PLAIN, "trainer.max_epochs=1", "data.limit_train=192", "data.val_fraction=0")
    large, large_dir = train(*one, "data.batch_size=64")
    summed, summed_dir = train(*one, "+trainer.accumulate_grad_batches=2")
    _, other_dir = train(*one)
    assert summed["steps"] == large["steps"] == 3

    def distance(run_dir):
        return max((weights(run_dir)[key] - value).abs().max() for key, value in weights(large_dir).items())

    assert distance(summed_dir) < 1e-5 < distance(other_dir)


@pytest.mark.parametrize("chosen", [True, False])
def test_argument_benchmark(train, chosen):
    before = torch.backends.cudnn.benchmark
    seen, spy = noting("on_train_start", lambda *_: torch.backends.cudnn.benchmark)
    try:
        train("trainer.max_epochs=1", f"+trainer.benchmark={chosen}", spy=spy)
    finally:
        torch.backends.cudnn.benchmark = before
    assert seen == [chosen]


def test_argument_check_val_every_n_epoch(train):
    _, run_dir = train("trainer.max_epochs=4", "+trainer.check_val_every_n_epoch=2")
    assert [row["epoch"] for row in rows(run_dir) if row["val/acc"]] == ["1", "3"]


@pytest.mark.parametrize("chosen", [True, False])
def test_argument_detect_anomaly(train, chosen, tape, caplog):
    seen, spy = noting("on_before_zero_grad", lambda *_: torch.is_anomaly_enabled())
    captured, spy_of_captured = noting("on_train_end", lambda _, learner: learner._graphs is not None)
    train("trainer.max_epochs=1", f"+trainer.detect_anomaly={chosen}", spy=spy)
    assert set(seen) == {chosen}
    train(
        *("trainer.max_epochs=1", f"+trainer.detect_anomaly={chosen}", "trainer.capture=true", "optimizer.fused=true"),
        spy=spy_of_captured,
    )
    assert captured == [not chosen]


@pytest.mark.parametrize(("chosen", "states"), [("true", (True, False)), ("warn", (True, True)), ("false", (False,))])
def test_argument_deterministic(train, chosen, states):
    def state(*_):
        on, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        return (on, warns) if on else (on,)

    seen, spy = noting("on_train_start", state)
    try:
        train("trainer.max_epochs=1", f"trainer.deterministic={chosen}", spy=spy)
    finally:
        torch.use_deterministic_algorithms(False)
    assert seen == [states]


def options_of(config):
    return trainer_options(config, build_learner(config, make_spec(config["data"])))


def test_argument_devices(make_config, tmp_path):
    """That two processes come to the same numbers is tests/commands/test_several_processes.py's to show."""
    for devices in (1, 2):
        options = options_of(make_config(*TINY)) | {"devices": devices}
        assert build_trainer(options, tmp_path, [], [], "run").world_size == devices


def step_sizes(train, *overrides):
    """Of a run at learning rate 1, so that they are the clipped gradients: the largest norm and the largest entry."""
    before, found = [], []
    spy = LambdaCallback(
        on_train_batch_start=lambda _, learner, *__: before.append(snapshot(learner)),
        on_train_batch_end=lambda _, learner, *__: found.append(snapshot(learner) - before[-1]),
    )
    train(*PLAIN, "optimizer.lr=1", "scheduler=constant", "scheduler.warmup_epochs=0", *overrides, spy=spy)
    return max(float(step.norm()) for step in found), max(float(step.abs().max()) for step in found)


def test_argument_gradient_clip_val(train):
    assert step_sizes(train, "trainer.gradient_clip_val=0.01")[0] == pytest.approx(0.01, rel=1e-3)
    assert step_sizes(train)[0] > 0.02


def test_argument_gradient_clip_algorithm(train):
    clipped = ("trainer.gradient_clip_val=0.01", "+trainer.gradient_clip_algorithm=value")
    norm, entry = step_sizes(train, *clipped)
    assert entry == pytest.approx(0.01, rel=1e-3)
    assert norm > 0.02
    assert step_sizes(train, *clipped[:1], "+trainer.gradient_clip_algorithm=norm")[0] < 0.0101


@pytest.mark.parametrize("chosen", [True, False])
def test_argument_inference_mode(train, chosen):
    seen, spy = noting("on_test_batch_end", lambda *_: torch.is_inference_mode_enabled())
    train("trainer.max_epochs=1", f"+trainer.inference_mode={chosen}", spy=spy)
    assert set(seen) == {chosen}


@pytest.mark.parametrize(("limit", "images"), [("1", 50), ("0.5", 100), ("1.0", 200), ("3", 150)])
def test_argument_limit_test_batches(train, limit, images):
    results, _ = train("trainer.max_epochs=1", f"+trainer.limit_test_batches={limit}")
    assert sum(map(sum, results["test/confusion"])) == images


def test_a_share_that_leaves_no_batch_to_test_is_refused_before_training(train, tmp_path):
    for limit, refused in (("0.2", True), ("0.25", False)):
        overrides = ("trainer.max_epochs=1", f"+trainer.limit_test_batches={limit}")
        if refused:
            with pytest.raises(
                UserError, match=r"limit_test_batches=0.2: this share of the 4 test batches is less than one batch"
            ):
                train(*overrides)
            assert not list(tmp_path.rglob("*.ckpt"))
        else:
            train(*overrides)


@pytest.mark.parametrize(("limit", "steps"), [("2", 2), ("0.5", 3), ("1.0", 6), ("100", 6)])
def test_argument_limit_train_batches(train, limit, steps):
    laid_out, spy = noting("on_train_end", lambda _, learner: (learner.total_steps, learner.steps_per_epoch))
    results, _ = train(f"+trainer.limit_train_batches={limit}", spy=spy)
    assert results["steps"] == 2 * steps
    assert laid_out == [(2 * steps, steps)]


@pytest.mark.parametrize(("limit", "images"), [("1", 10), ("0.5", 10), ("1.0", 20)])
def test_argument_limit_val_batches(train, limit, images):
    seen, spy = noting("on_validation_batch_end", lambda *given: len(given[3][1]))
    train("trainer.max_epochs=1", "data.eval_batch_size=10", f"+trainer.limit_val_batches={limit}", spy=spy)
    assert sum(seen) == images


@pytest.mark.parametrize("key", ["train", "val"])
def test_a_share_that_leaves_no_batch_is_refused_in_lightnings_words(train, key):
    with pytest.raises(UserError, match=f"limit_{key}_batches"):
        train(f"+trainer.limit_{key}_batches=0.01")


@pytest.mark.parametrize("key", ["trainer.limit_val_batches", "data.val_fraction"])
def test_what_is_never_validated_is_not_monitored(make_config, key):
    chosen = f"+{key}=0" if key.startswith("trainer") else f"{key}=0"
    with pytest.raises(UserError, match=f"{key}=0 with callbacks.x.monitor=val/loss: there is no validation data"):
        make_config(chosen, lightning("ModelCheckpoint", monitor="val/loss"))
    make_config(chosen, lightning("ModelCheckpoint", monitor="train/loss"))


def test_argument_log_every_n_steps(train):
    logged = []
    train("trainer.log_every_n_steps=4", logged=logged)
    assert [step for step, metrics in logged if "train/loss_step" in metrics] == [4, 6, 10, 12]  # epochs' ends too


def test_argument_max_epochs(train):
    assert [train(f"trainer.max_epochs={n}")[0]["epochs"] for n in (1, 3)] == [1, 3]


def test_argument_max_steps(train):
    laid_out, spy = noting("on_train_end", lambda _, learner: learner.total_steps)
    results, _ = train("+trainer.max_steps=8", spy=spy)
    assert results["steps"] == 8
    assert laid_out == [8]


def test_argument_max_time(train, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("lightning.pytorch.callbacks.timer.time.monotonic", lambda: next(clock))
    seen, spy = noting("on_train_end", lambda trainer, _: trainer.global_step)
    train("+trainer.max_time={seconds: 1}", spy=spy)
    assert seen == [1]


STOPS = ("trainer.max_epochs=5", "callbacks=early_stopping", "callbacks.early_stopping.monitor=train/loss")
STOPS += ("+callbacks.early_stopping.stopping_threshold=1000",)  # after the first epoch


def test_argument_min_epochs(train):
    assert train(*STOPS)[0]["epochs"] == 1  # the control
    assert train(*STOPS, "+trainer.min_epochs=3")[0]["epochs"] == 3
    with pytest.raises(UserError, match=r"min_epochs=6 with trainer.max_epochs=5"):
        train(*STOPS, "+trainer.min_epochs=6")


def test_argument_min_steps(train):
    assert STEPS < train(*STOPS, "+trainer.min_steps=12")[0]["steps"] < 3 * STEPS
    with pytest.raises(UserError, match="min_steps=31: this training has 30"):
        train(*STOPS, "+trainer.min_steps=31")
    with pytest.raises(UserError, match=r"min_steps=9 with trainer.max_steps=8"):
        train(*STOPS, "+trainer.min_steps=9", "+trainer.max_steps=8")


def test_argument_num_sanity_val_steps(train):
    seen, spy = noting("on_validation_batch_end", lambda trainer, *_: trainer.sanity_checking)
    train("trainer.max_epochs=1", "data.eval_batch_size=5", "+trainer.num_sanity_val_steps=3", spy=spy)
    assert seen == [True] * 3 + [False] * 4


@pytest.mark.parametrize(
    ("precision", "weight", "computed"),
    [
        ("32-true", torch.float32, torch.float32),
        ("64-true", torch.float64, torch.float64),
        ("bf16-true", torch.bfloat16, torch.bfloat16),
        ("16-true", torch.float16, torch.float16),
        ("bf16-mixed", torch.float32, torch.bfloat16),
    ],
)
def test_argument_precision(train, precision, weight, computed):
    seen = []

    def watch(_, learner):
        layer = next(module for module in learner.net.modules() if isinstance(module, torch.nn.Linear))
        layer.register_forward_hook(lambda _, __, output: seen.append((layer.weight.dtype, output.dtype)))

    train("trainer.max_epochs=1", f"trainer.precision={precision}", spy=LambdaCallback(on_train_start=watch))
    assert set(seen) == {(weight, computed)}


@pytest.mark.parametrize("kind", ["simple", "advanced", "pytorch"])
def test_argument_profiler(train, kind, caplog):
    said = logging.getLogger("lightning.pytorch")
    said.addHandler(caplog.handler)  # which it may keep from the root
    try:
        with caplog.at_level(logging.INFO):
            _, run_dir = train("trainer.max_epochs=1", f"+trainer.profiler={kind}")
    finally:
        said.removeHandler(caplog.handler)
    assert "FIT Profiler Report" in caplog.text
    assert "TEST Profiler Report" in caplog.text
    if kind == "pytorch":  # which lists what took longest alone
        assert list(run_dir.glob("*training_step*.trace.json"))
    else:
        assert "training_step" in caplog.text


def test_argument_reload_dataloaders_every_n_epochs(train, monkeypatch):
    made, make = [], ImageData.train_dataloader
    monkeypatch.setattr(
        ImageData, "train_dataloader", lambda data: made.append(data.trainer.current_epoch) or make(data)
    )
    _, usual = train("trainer.max_epochs=4")
    assert made == [0]
    made.clear()
    _, anew = train("trainer.max_epochs=4", "+trainer.reload_dataloaders_every_n_epochs=2")
    assert made == [0, 2]
    assert all(torch.equal(weights(usual)[key], value) for key, value in weights(anew).items())


def test_argument_strategy(train):
    seen, spy = noting("on_train_start", lambda trainer, _: type(trainer.strategy))
    _, usual = train()
    _, other = train("+trainer.strategy=ddp", spy=spy)
    assert seen == [DDPStrategy]
    assert all(torch.equal(weights(usual)[key], value) for key, value in weights(other).items())


def test_argument_sync_batchnorm(train):
    overrides = ("+trainer.sync_batchnorm=true", "+trainer.strategy=ddp", "model.batch_norm=true")
    with pytest.raises(UserError, match=r"sync_batchnorm=true: .* on GPUs alone"):
        train(*overrides)
    train(overrides[0], "trainer.max_epochs=1")  # one process has the statistics of all
    if torch.cuda.is_available():
        kinds, spy = noting("on_train_start", lambda _, learner: {type(module) for module in learner.modules()})
        train(*overrides, "trainer.accelerator=cuda", "trainer.max_epochs=1", spy=spy)
        assert torch.nn.SyncBatchNorm in kinds[0]


@pytest.mark.parametrize(("interval", "steps"), [("0.5", [3, 6, 9, 12]), ("2", [2, 4, 6, 8, 10, 12])])
def test_argument_val_check_interval(train, interval, steps):
    seen, spy = noting("on_validation_start", lambda trainer, _: trainer.global_step)
    train(f"+trainer.val_check_interval={interval}", spy=spy)
    assert seen == steps


def test_more_batches_between_validations_than_an_epoch_has_are_refused(train):
    with pytest.raises(UserError, match=r"`val_check_interval` \(7\) must be less than or equal to .* \(6\)"):
        train("+trainer.val_check_interval=7")


# Arguments that are refused, and values that cannot be meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("barebones", "true"),
        ("enable_autolog_hparams", "false"),
        ("enable_checkpointing", "false"),
        ("fast_dev_run", "true"),
        ("fast_dev_run", "3"),
        ("limit_predict_batches", "1"),
        ("model_registry", "mine"),
        ("num_nodes", "2"),
        ("overfit_batches", "1"),
        ("overfit_batches", "0.5"),
    ],
)
def test_refused_arguments_say_why_and_their_defaults_are_accepted(make_config, name, value):
    with pytest.raises(UserError) as refusal:
        make_config(f"+trainer.{name}={value}")
    assert str(refusal.value) == f"trainer.{name}={value}: {REFUSED_ARGUMENTS[name].why}"
    default = {True: "true", False: "false", None: "null"}.get(REFUSED_ARGUMENTS[name].default, "1")
    for asks_for_nothing in {default if name != "overfit_batches" else "0", "null"}:
        config = make_config(f"+trainer.{name}={asks_for_nothing}")
        assert build_trainer(options_of(config), "nowhere", [], [], "run").max_epochs == 2


def test_all_refused_arguments_are_tried():
    [mark] = test_refused_arguments_say_why_and_their_defaults_are_accepted.pytestmark
    assert {name for name, _ in mark.args[1]} == set(REFUSED_ARGUMENTS)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+trainer.val_check_interval=0", "must be a number of batches of at least 1, a share"),
        ("+trainer.val_check_interval=0.0", "must be a number of batches of at least 1, a share"),
        ("+trainer.val_check_interval=1.5", "must be a number of batches of at least 1, a share"),
        ("+trainer.val_check_interval=soon", "must be a time as DD:HH:MM:SS"),
        ("+trainer.check_val_every_n_epoch=0", "must be greater than or equal to 1"),
        ("+trainer.check_val_every_n_epoch=null", "validation is then after trainer.val_check_interval batches"),
        ("+trainer.num_sanity_val_steps=-2", "must be greater than or equal to -1"),
        ("+trainer.limit_train_batches=0", "nothing would be learnt"),
        ("+trainer.limit_val_batches=1.5", "must be a number of batches, such as 10, or a share"),
        ("+trainer.limit_test_batches=true", "must be a number of batches, such as 10, or a share"),
        ("+trainer.max_steps=0", "must be greater than or equal to 1 or -1"),
        ("+trainer.max_time=00:00:00:00", "must be a time as DD:HH:MM:SS"),
        ("+trainer.max_time=60", "must be a time as DD:HH:MM:SS"),
        ("+trainer.max_time={weeks: x}", "must be a time as DD:HH:MM:SS"),
        ("+trainer.min_epochs=-1", "must be greater than or equal to 1"),
        ("+trainer.profiler=xla", "must be 'simple', 'advanced' or 'pytorch'"),
        ("+trainer.strategy=fsdp", "must be 'auto', 'ddp'"),
        ("+trainer.inference_mode=maybe", "must be a boolean"),
        ("+trainer.sync_batchnorm=2", "must be a boolean"),
        ("+trainer.gradient_clip_algorithm=value", "nothing would be clipped; give trainer.gradient_clip_val"),
        ("trainer.devices=-1", "all there are is written trainer.devices=auto"),
        ("trainer.devices=[]", "or a list of at least one"),
        ("trainer.devices=[-1]", "all there are is written trainer.devices=auto"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(make_config, override, said):
    with pytest.raises(UserError) as refusal:
        make_config(override)
    assert str(refusal.value).startswith(override.lstrip("+").partition("=")[0])
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_numbered_devices_are_refused_where_cpus_compute(train):
    with pytest.raises(UserError, match=r"trainer.devices=\[0\] with trainer.accelerator=cpu: CPUs have no numbers"):
        train("trainer.devices=[0]")


# Callbacks that work


class Order(Callback):
    """Notes its name at the end of an epoch."""

    def __init__(self, name, order):
        self.name, self.order = name, order

    def on_train_epoch_end(self, trainer, pl_module):
        self.order.append(self.name)


class Late(Order, Checkpoint):
    pass


def test_callback_Callback(train):
    order = []
    train(spy=Order("own", order))
    assert order == ["own", "own"]


def test_callback_Checkpoint(make_config, tmp_path):
    order = []
    config = make_config(*TINY, "trainer.max_epochs=1")
    trainer = build_trainer(options_of(config), tmp_path, [Late("late", order), Order("early", order)], [], "run")
    for callback in trainer.callbacks:
        callback.on_train_epoch_end(trainer, None)
    assert order == ["early", "late"]


def test_callback_DeviceStatsMonitor(train):
    pytest.importorskip("psutil")
    logged = []
    train("trainer.max_epochs=1", "trainer.log_every_n_steps=2", lightning("DeviceStatsMonitor"), logged=logged)
    steps = [step for step, metrics in logged if any("cpu_percent" in name for name in metrics)]
    assert set(steps) >= {1, 3, 5}
    with pytest.raises(UserError, match=r"callbacks.x: DeviceStatsMonitor writes to loggers, and there is none"):
        train(lightning("DeviceStatsMonitor"))


def averaged(train, name, average, **arguments):
    """The weights that a run keeps with an averaging callback, and those that `average` makes of every step's."""
    steps, spy = noting("on_train_batch_end", lambda _, learner, *__: snapshot(learner).double())
    _, run_dir = train(lightning(name, **arguments), spy=spy)
    kept = {key: value for key, value in weights(run_dir).items() if key.startswith("net.")}
    found = torch.cat([value.flatten() for value in kept.values()]).double()
    assert not torch.allclose(found, steps[-1], atol=1e-3)  # the control: what was learnt last is something else
    torch.testing.assert_close(found, average(steps), atol=1e-5, rtol=1e-4)


def test_callback_EMAWeightAveraging(train):
    def running(steps, decay=0.9):
        mean = steps[0]
        for step in steps[1:]:
            mean = decay * mean + (1 - decay) * step
        return mean

    averaged(train, "EMAWeightAveraging", running, decay=0.9)


def test_callback_WeightAveraging(train):
    averaged(train, "WeightAveraging", lambda steps: torch.stack(steps).mean(dim=0))


def test_callback_EarlyStopping(train):
    assert train(*STOPS)[0]["epochs"] == 1
    assert train(*STOPS[:-1])[0]["epochs"] == 5  # the control: without a threshold it keeps improving


def note_start(trainer, learner):
    NOTED.append(learner)


NOTED: list = []


def test_callback_LambdaCallback(train):
    NOTED.clear()
    function = f"{{_target_: {__name__}.note_start, _partial_: true}}"
    train("trainer.max_epochs=1", lightning("LambdaCallback", on_train_start=function))
    assert len(NOTED) == 1


def test_callback_ModelCheckpoint(train):
    extra = lightning("ModelCheckpoint", monitor="val/acc", mode="max", save_top_k=-1, filename="e{epoch}")
    results, run_dir = train(extra.replace("e{epoch}", "'e{epoch}', auto_insert_metric_name: false"))
    folder = run_dir / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "e0.ckpt", "e1.ckpt", "last.ckpt"]
    best = weights(run_dir, f"e{results['best_epoch']}")
    assert all(torch.equal(weights(run_dir, "best")[key], value) for key, value in best.items())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"save_last": "true"}, "callbacks.x.save_last=true: callbacks.checkpoints writes last.ckpt"),
        ({"filename": "best"}, "callbacks.x.filename=best: it is a name of callbacks.checkpoints"),
        ({"train_time_interval": "00:00:05:00"}, "callbacks.x.train_time_interval=00:00:05:00: must be a datetime.t"),
        ({"save_on_exception": "true"}, "callbacks.x.save_on_exception=true: a checkpoint made within a failed step"),
    ],
)
def test_a_model_checkpoint_may_not_write_the_runs_own(train, tmp_path, arguments, said):
    with pytest.raises(UserError) as refusal:
        train(lightning("ModelCheckpoint", **arguments))
    assert str(refusal.value).startswith(said)
    if arguments.keys() <= {"save_last", "filename"}:
        train("trainer.max_epochs=1", lightning("ModelCheckpoint", dirpath=tmp_path / "own", **arguments))
        assert list((tmp_path / "own").iterdir())


def test_callback_ModelSummary(train, caplog):
    said = logging.getLogger("lightning.pytorch")
    said.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO):
            train("trainer.max_epochs=1", lightning("ModelSummary", max_depth=1))
    finally:
        said.removeHandler(caplog.handler)
    assert "| Name" in caplog.text
    assert "Trainer.fit` stopped" not in caplog.text  # what else Lightning says


class Bar(ProgressBar):
    def on_train_batch_end(self, trainer, *_):
        NOTED.append(self.total_train_batches)


def test_callback_ProgressBar(train):
    NOTED.clear()
    own = f"+callbacks.x={{_target_: {__name__}.Bar}}"
    train("trainer.max_epochs=1", OWN, own)
    assert NOTED == [STEPS] * STEPS
    with pytest.raises(UserError, match=r"callbacks.progress and callbacks.x: two progress bars; leave one out"):
        train(own)


def test_callback_RichProgressBar(train, capsys):
    pytest.importorskip("rich")
    train("trainer.max_epochs=1", OWN, lightning("RichProgressBar"))
    assert "Epoch 0/0" in capsys.readouterr().out


def test_callback_TQDMProgressBar(train, capsys):
    train("trainer.max_epochs=1", OWN, lightning("TQDMProgressBar"))
    shown = capsys.readouterr()
    assert "Epoch 0: 100%" in shown.out + shown.err
    with pytest.raises(UserError, match="two progress bars"):
        train(lightning("TQDMProgressBar"))


def count(batch):
    return len(batch[1])


def test_callback_ThroughputMonitor(train):
    logged = []
    monitor = lightning("ThroughputMonitor", batch_size_fn=f"{{_target_: {__name__}.count, _partial_: true}}")
    train("trainer.max_epochs=1", "trainer.log_every_n_steps=2", monitor, logged=logged)
    [*_, last] = [metrics["train/samples"] for _, metrics in logged if "train/samples" in metrics]
    assert last == 180
    with pytest.raises(UserError, match="ThroughputMonitor writes to loggers, and there is none"):
        train(monitor)


def test_callback_Timer(train, monkeypatch, caplog):
    clock = iter(range(10_000))
    monkeypatch.setattr("lightning.pytorch.callbacks.timer.time.monotonic", lambda: next(clock))
    said = logging.getLogger("lightning.pytorch")
    said.addHandler(caplog.handler)
    seen, spy = noting("on_train_end", lambda trainer, _: trainer.global_step)
    try:
        with caplog.at_level(logging.INFO):
            train(lightning("Timer", duration="{seconds: 1}"), spy=spy)
    finally:
        said.removeHandler(caplog.handler)
    assert seen == [1]
    assert "Time limit reached" in caplog.text
    with pytest.raises(UserError, match=r"callbacks.x: a Timer beside trainer.max_time"):
        train(lightning("Timer"), "+trainer.max_time={hours: 1}")


# Callbacks that are refused

GIVEN = {
    "BasePredictionWriter": {},
    "GradientAccumulationScheduler": {"scheduling": "{0: 2}"},
    "ModelPruning": {"pruning_fn": "l1_unstructured"},
    "OnExceptionCheckpoint": {"dirpath": "here"},
    "StochasticWeightAveraging": {"swa_lrs": 0.1},
}


@pytest.mark.parametrize("name", REFUSED_CALLBACKS)
def test_callbacks_that_cannot_work_are_refused_with_why(make_config, name):
    if name.startswith("Rich"):
        pytest.importorskip("rich")
    config = make_config(*TINY, lightning(name, **GIVEN.get(name, {})))
    with pytest.raises(UserError) as refusal:
        build_callbacks(config)
    assert str(refusal.value) == f"callbacks.x: Lightning's {name} does not work here: {REFUSED_CALLBACKS[name]}"


class OwnAveraging(StochasticWeightAveraging):
    """Somebody's own subclass."""


def test_callbacks_are_told_by_class(make_config):
    with pytest.raises(UserError, match="Lightning's StochasticWeightAveraging does not work here"):
        build_callbacks(make_config(f"+callbacks.x={{_target_: {__name__}.OwnAveraging, swa_lrs: 0.1}}"))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (
            "{_target_: builtins.dict}",
            "callbacks.x: an object of builtins.dict; accepted: a lightning.pytorch.Callback",
        ),
        ("{_target_: torch.nn.ReLU}", "callbacks.x: an object of torch.nn.modules.activation.ReLU; accepted"),
        (
            "{_target_: lightning.pytorch.callbacks.Timer, _partial_: true}",
            "callbacks.x: an object of functools.partial; accepted",
        ),
        (
            "{_target_: lightning.pytorch.callbacks.Timer, interval: never}",
            "callbacks.x._target_=lightning.pytorch.callbacks.Timer: Unsupported parameter value",
        ),
        (
            "{_target_: lightning.pytorch.callbacks.ModelCheckpoint, monitr: 1}",
            "callbacks.x.monitr=1: there is no such key; did you mean callbacks.x.monitor?",
        ),
        (
            "{_target_: groundup.callbacks.checkpoints.Checkpoints}",
            "callbacks.checkpoints and callbacks.x: two of Checkpoints that a checkpoint could not tell apart",
        ),
    ],
)
def test_what_is_no_callback_or_one_too_many_is_refused_by_its_key(make_config, node, said):
    with pytest.raises(UserError) as refusal:
        build_callbacks(make_config(f"+callbacks.x={node}"))
    assert str(refusal.value).startswith(said)


def test_two_that_average_weights_are_refused(make_config):
    """Each exchanges the weights with its mean for a validation; the second would put back what the first lent it."""
    with pytest.raises(UserError, match=r"callbacks\.ema and callbacks\.x: each would average"):
        build_callbacks(make_config("callbacks=ema", lightning("WeightAveraging")))


def test_two_model_checkpoints_that_differ_are_welcome(make_config):
    second = lightning("ModelCheckpoint", monitor="train/loss").replace(".x=", ".y=")
    build_callbacks(make_config(lightning("ModelCheckpoint"), second))
    with pytest.raises(UserError, match=r"callbacks.x and callbacks.y: two of ModelCheckpoint"):
        build_callbacks(make_config(lightning("ModelCheckpoint"), lightning("ModelCheckpoint").replace(".x=", ".y=")))


def test_an_error_of_somebody_elses_before_training_is_a_failure_of_the_run(train):
    def break_down(*_):
        raise ValueError("a bug of mine")

    with pytest.raises(RunFailed, match="a bug of mine"):
        train(spy=LambdaCallback(on_train_start=break_down))


def test_a_misconfiguration_in_mid_training_is_a_failure_of_the_run(train):
    def break_down(trainer, *_):
        if trainer.global_step == 3:
            raise MisconfigurationException("too late")

    with pytest.raises(RunFailed, match="too late"):
        train(spy=LambdaCallback(on_train_batch_end=break_down))


def test_nothing_of_a_node_is_dropped(make_config, tmp_path):
    """A callback's or logger's `name` is an argument as any other."""
    config = make_config(*TINY)
    config["logger"] = {
        "csv": {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": str(tmp_path), "name": "mine"}
    }
    parts = assemble(config, tmp_path, StopOnSignal())
    assert parts.trainer.logger.name == "mine"
