"""Options accept what ships and say, key by key, what is wrong with the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from groundup.config.check import check, check_predict, check_study
from groundup.errors import UserError

PROJECT = Path(__file__).parents[2]
DATA, MODELS = (
    [file.stem for file in (PROJECT / "conf" / group).glob("*.yaml") if file.stem != "base"]
    for group in ("data", "model")
)


class Anything:
    """A part of the user's own."""

    def __init__(self, **options):
        pass


@pytest.fixture
def images(tmp_path):
    for name in ("cat", "dog"):
        folder = tmp_path / "train" / name
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(b"")
    np.savez(tmp_path / "all.npz", x=np.full((8, 32, 32), 200, np.uint8), y=np.arange(8) % 2)
    return tmp_path


def problems(compose_config, *overrides):
    with pytest.raises(UserError) as refusal:
        check(compose_config(*overrides))
    return str(refusal.value).splitlines()


def test_every_model_goes_with_every_data_set(compose_config, images):
    default = compose_config()

    def alone(group, option, *more):
        """The config of an option, which sets its own node and no other: so two of them go together."""
        cfg = compose_config(f"{group}={option}", *more)
        assert {key for key in cfg if cfg[key] != default[key]} <= {group}
        return cfg

    models = [alone("model", option).model for option in MODELS]
    for option in DATA:
        own = {"image_folder": [f"data.root={images}"], "arrays": [f"data.file={images / 'all.npz'}"]}
        cfg = alone("data", option, *own.get(option, []))
        native = cfg.data.image_size
        for cfg.model in models:
            cfg.data.image_size = 32 if cfg.model.name in ("timm", "torchvision") else native  # which take no smaller
            check(cfg)


@pytest.mark.parametrize(
    ("override", "accepted"),
    [
        ("optimizer.lr=0", "greater than 0"),
        ("optimizer.lr=-1", "greater than 0"),
        ("optimizer.lr=abc", "a number"),
        ("optimizer.lr=true", "a number"),
        ("optimizer.lr=inf", "finite"),
        ("optimizer.lr=null", "must be given"),
        ("optimizer.momentum=1", "less than 1"),
        ("optimizer.weight_decay=-0.5", "greater than or equal to 0"),
        ("optimizer.nesterov=1", "boolean"),
        ("data.batch_size=abc", "whole number"),
        ("data.batch_size=64.0", "whole number"),
        ("data.batch_size='64'", "whole number"),
        ("data.batch_size=0", "greater than or equal to 1"),
        ("data.val_fraction=1", "less than 1"),
        ("data.val_fraction=-0.1", "greater than or equal to 0"),
        ("data.limit_train=0", "greater than or equal to 1"),
        ("data.in_memory=false", "only data=image_folder can be read from disk"),
        ("data.mirror=ftp://127.0.0.1/x", "http:// or https://, or a folder"),
        ("data.mirror='https://127.0.0.1/x?token=secret'", "without ? and #"),
        ("data.mirror='http://[::1/x'", "must be a URL"),
        ("data.mirror='http:///x'", "must be a URL to which file names"),
        ("data.augment=flop", "'none', 'flip'"),
        ("data.progressive_sizes=[]", "rising from 0"),
        ("data.progressive_sizes=[[0.5,20]]", "rising from 0"),
        ("data.progressive_sizes=[[0,20],[0,24]]", "rising from 0"),
        ("data.progressive_sizes=[[0,20],[1,24]]", "rising from 0"),
        ("data.progressive_sizes=[[0,20.5]]", "pixels a side"),
        ("data.progressive_sizes=[[0]]", "pairs"),
        ("data.tta=flip", "'none', 'mirror', 'shift'"),
        ("callbacks.checkpoints.mode=least", "'max' or 'min'"),
        ("callbacks.checkpoints.monitor=val/accuracy", "'val/acc'"),
        ("+trainer.accumulate_grad_batches=0", "greater than or equal to 1"),
        ("trainer.max_epochs=0", "greater than or equal to 1"),
        ("trainer.precision=16", "'16-mixed'"),
        ("trainer.accelerator=gpuu", "'cuda'"),
        ("trainer.devices=0", "greater than or equal to 1 or 'auto'"),
        ("scheduler.start=0", "greater than 0"),
        ("loss.label_smoothing=1", "less than 1"),
        ("seed=-1", "greater than or equal to 0"),
        ("seed=4294967296", "less than 4294967296"),
        ("model.dropout=1", "less than 1"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(compose_config, override, accepted):
    key, _, value = override.removeprefix("+").partition("=")
    [problem] = problems(compose_config, override)
    assert problem.startswith(f"{key}={value.strip(chr(39))}: must be")
    assert accepted in problem


@pytest.mark.parametrize(
    "override",
    [
        "optimizer.lr=1",  # a whole number is a number
        "seed=4294967295",
        "data.val_fraction=0",
        "data.augment=crop",
        "trainer.devices=auto",
        "trainer.devices=[0,1]",
        "trainer.deterministic=warn",
        "+trainer.limit_train_batches=10",
        "trainer.gradient_clip_val=0.5",
        "+trainer.accumulate_grad_batches=2",
        "data.mirror=HTTPS://127.0.0.1/x",
        "callbacks.checkpoints={monitor:val/loss,mode:min}",
        "callbacks.progress=null",
        f"+callbacks.mine={{_target_: {__name__}.Anything, monitor: anything}}",
    ],
)
def test_a_right_value_is_accepted(compose_config, override):
    check(compose_config(override))


@pytest.mark.parametrize(
    ("overrides", "mode"),
    [
        (["callbacks.checkpoints.monitor=val/loss"], "min"),
        (["callbacks=early_stopping", "callbacks.early_stopping.monitor=val/acc"], "max"),
        ([f"+callbacks.mine={{_target_: {__name__}.Anything, monitor: my_val_ACC, mode: min}}"], "max"),
        ([f"+callbacks.mine={{_target_: {__name__}.Anything, monitor: top1.err, mode: max}}"], "min"),
        (["+callbacks.mine={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/f1}"], "max"),
    ],
)
def test_the_worst_is_not_taken_for_the_best(compose_config, overrides, mode):
    (problem,) = problems(compose_config, *overrides)
    assert "monitor=" in problem
    assert problem.endswith(f".mode={mode}")


@pytest.mark.parametrize(
    ("node", "wrong"),
    [
        ("{_target_: torch.optim.SGD, _partial_: true, name: mysgd, lr: 0.1}", None),
        ("{_target_: torch.optim.AdamW, _partial_: true, name: mine, lr: 0.1, betas: [0.9, 0.9]}", None),
        ("{_target_: torch.optim.SGD, _partial_: true, name: mysgd, lr: fast}", "optimizer.lr=fast: must be a number"),
        ("{_target_: torch.optim.SGD, _partial_: true, name: mysgd, rate: 1}", "optimizer.rate=1: there is no such"),
        ("{_target_: torch.optim.SGD, _partial_: true, name: sgd, lr: 0.1}", "optimizer.weight_decay"),
    ],
)
def test_a_class_of_torchs_by_a_name_of_ones_own_is_held_against_its_signature(compose_config, node, wrong):
    cfg = compose_config()
    with open_dict(cfg):
        cfg.optimizer = OmegaConf.create(node)
    if wrong is None:
        check(cfg)
        return
    with pytest.raises(UserError) as refusal:
        check(cfg)
    assert wrong in str(refusal.value)


@pytest.mark.parametrize("monitor", ["lossless", "accuracy_loss", "value", "accelerated"])
def test_a_metric_whose_name_says_no_direction_may_have_either(compose_config, monitor):
    check(compose_config(f"+callbacks.mine={{_target_: {__name__}.Anything, monitor: {monitor}, mode: max}}"))


def test_all_problems_are_told_at_once(compose_config):
    found = problems(compose_config, "optimizer.lr=-1", "data.batch_size=x", "+modle=cnn", "+trainer.max_epoch=1")
    assert [line.partition("=")[0] for line in found] == [
        "modle",
        "data.batch_size",
        "optimizer.lr",
        "trainer.max_epoch",
    ]
    assert "did you mean model?" in found[0]
    assert "did you mean trainer.max_epochs?" in found[3]


def test_an_item_of_a_list_is_named(compose_config):
    [problem] = problems(compose_config, "model=mlp", "model.hidden_dims=[64,0]")
    assert problem == "model.hidden_dims.1=0: must be greater than or equal to 1"


def test_a_part_of_the_user_that_takes_any_keys_may_have_any(compose_config):
    target = f"model._target_={__name__}.Anything"
    check(compose_config(target, "model.name=net", "+model.depth=3"))
    [problem] = problems(compose_config, target, "model.name=null")
    assert problem.startswith("model.name=null: must be given")


def test_an_image_folder_needs_a_root(compose_config):
    [problem] = problems(compose_config, "data=image_folder")
    assert problem == "data.root=null: must be given: data.root=VALUE"


def test_a_value_left_open_is_named(compose_config):
    [problem] = problems(compose_config, "model.width=???")
    assert problem.startswith("model.width=???: must be given")


def test_a_deleted_group_is_named(compose_config):
    [problem] = problems(compose_config, "~model")
    assert problem.startswith("model=null: must be a group")


def test_images_too_small_for_the_model_are_refused_naming_both(compose_config):
    [problem] = problems(compose_config, "model=lenet", "data.image_size=8")
    assert "model=lenet" in problem
    assert "data=digits" in problem
    assert "12x12" in problem
    assert "8x8" in problem


@pytest.mark.parametrize(("model", "size"), [("lenet", 16), ("cnn", None), ("mlp", None)])
def test_digits_are_enlarged_only_where_the_model_needs_it(compose_config, model, size):
    assert check(compose_config(f"model={model}"))["data"]["image_size"] == size


@pytest.mark.parametrize("optimizer", ["muon", "decoupled_sgd"])
def test_an_optimizer_that_counts_images_knows_the_batch_size(compose_config, optimizer):
    overrides = (f"optimizer={optimizer}", "data.batch_size=48")
    assert check(compose_config(*overrides))["optimizer"]["batch_size"] == 48
    assert check(compose_config(*overrides, "optimizer.batch_size=8"))["optimizer"]["batch_size"] == 8


@pytest.mark.parametrize(
    ("option", "override", "accepted"),
    [
        ("optimizer=muon", "optimizer.other=rmsprop", "'adam' or 'sgd'"),
        ("optimizer=muon", "optimizer.steps=0", "greater than or equal to 1"),
        ("optimizer=muon", "optimizer.head_lr=0", "greater than 0"),
        ("optimizer=decoupled_sgd", "optimizer.momentum=1", "less than 1"),
        ("optimizer=decoupled_sgd", "optimizer.stem_epochs=0", "greater than 0"),
        ("scheduler=triangle", "scheduler.start=0", "greater than 0"),
        ("callbacks=lookahead", "callbacks.lookahead.every=0", "greater than or equal to 1"),
        ("callbacks=ema", "callbacks.ema.decay=2", "less than or equal to 1"),
    ],
)
def test_a_wrong_value_of_another_option_is_refused_too(compose_config, option, override, accepted):
    [problem] = problems(compose_config, option, override)
    assert problem.startswith(override)
    assert accepted in problem


def test_stopping_on_validation_without_validation_data_is_refused(compose_config):
    [problem] = problems(compose_config, "callbacks=early_stopping", "data.val_fraction=0")
    assert "data.val_fraction=0" in problem
    assert "callbacks.early_stopping.monitor=val/loss" in problem


def test_paths_are_made_absolute_and_urls_kept(compose_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = check(compose_config("data.root=files", "data.mirror=http://127.0.0.1/x"))
    assert config["data"]["root"] == str(tmp_path / "files")
    assert config["data"]["mirror"] == "http://127.0.0.1/x"


def test_the_data_folder_never_depends_on_the_current_directory(compose_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GROUNDUP_DATA", raising=False)
    assert check(compose_config())["data"]["root"] == str(PROJECT / "data")
    monkeypatch.setenv("GROUNDUP_DATA", "/elsewhere")
    assert check(compose_config())["data"]["root"] == "/elsewhere"


@pytest.mark.parametrize("key", ["data.root", "data.mirror", "resume"])
@pytest.mark.parametrize("value", ["", "' '"])
def test_an_empty_path_is_not_the_current_directory(compose_config, key, value):
    [problem] = problems(compose_config, f"{key}={value}")
    assert problem.endswith(f"must be given: {key}=VALUE")


@pytest.mark.parametrize("key", ["run", "images", "ckpt", "out"])
def test_an_empty_path_is_not_the_current_directory_of_a_reader_either(compose_config, key):
    settings = {"run": "x", "images": "x"} | {key: ""}
    with pytest.raises(UserError, match=f"^{key}=: must be given: {key}=VALUE$"):
        check_predict(compose_config(*(f"{name}={value}" for name, value in settings.items()), name="predict"))


def test_an_empty_groundup_data_counts_as_unset(compose_config, monkeypatch):
    monkeypatch.setenv("GROUNDUP_DATA", "")
    assert check(compose_config())["data"]["root"] == str(PROJECT / "data")


@pytest.mark.parametrize(
    ("override", "accepted"),
    [
        ("callbacks.early_stopping.monitor=val/los", "'val/loss'"),
        ("callbacks.early_stopping.mode=down", "'min' or 'max'"),
        ("callbacks.early_stopping.patience=1.5", "whole number"),
    ],
)
def test_early_stopping_is_checked(compose_config, override, accepted):
    [problem] = problems(compose_config, "callbacks=early_stopping", override)
    assert problem.startswith(f"{override}: must be")
    assert accepted in problem


def test_lightnings_other_arguments_of_early_stopping_are_accepted(compose_config):
    check(compose_config("callbacks=early_stopping", "+callbacks.early_stopping.min_delta=0.01"))


def test_a_misspelt_key_of_our_callback_is_named(compose_config):
    [problem] = problems(compose_config, "+callbacks.checkpoints.monitr=val/acc")
    assert "did you mean callbacks.checkpoints.monitor?" in problem


@pytest.mark.parametrize("key", ["batch_size", "eval_batch_size"])
def test_more_devices_than_images_of_a_batch_are_refused(compose_config, key):
    [problem] = problems(compose_config, "trainer.devices=4", "trainer.accelerator=cuda", f"data.{key}=3")
    assert "trainer.devices=4" in problem
    assert f"data.{key}=3" in problem
    check(compose_config("trainer.devices=4", "trainer.accelerator=cuda", f"data.{key}=4"))


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_more_devices_than_cores_are_refused(compose_config, monkeypatch, accelerator):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    [problem] = problems(compose_config, "trainer.devices=3", f"trainer.accelerator={accelerator}")
    assert f"trainer.devices=3 with trainer.accelerator={accelerator}: this machine has 2 CPU cores" in problem
    check(compose_config("trainer.devices=2", f"trainer.accelerator={accelerator}"))


@pytest.mark.parametrize("betas", ["[0.9]", "[0.9,0.99,0.999]", "[]"])
def test_betas_are_two_numbers(compose_config, betas):
    [problem] = problems(compose_config, "optimizer=adam", f"optimizer.betas={betas}")
    assert problem == f"optimizer.betas={betas}: must be two numbers"


@pytest.mark.parametrize("override", ["logger=false", "enable_progress_bar=true", "callbacks=[]"])
def test_what_the_project_gives_to_the_trainer_itself_is_said(compose_config, override):
    [problem] = problems(compose_config, f"+trainer.{override}")
    assert problem.startswith(f"trainer.{override}: the project sets it itself")


def test_augmentations_that_cannot_go_together_are_refused(compose_config):
    [problem] = problems(compose_config, "data.augment=[flip,alternating_flip]")
    assert "choose one" in problem
    [problem] = problems(compose_config, "model=mlp", "data.augment=[crop]", "data.crop_padding=8")
    assert problem.startswith("data.crop_padding=8: must be less than the image's 8 pixels")
    check(compose_config("model=mlp", "data.augment=[crop]", "data.crop_padding=8", "data.image_size=9"))


def test_augment_none_and_a_single_name_stand_for_lists(compose_config):
    assert check(compose_config("data.augment=none"))["data"]["augment"] == []
    assert check(compose_config("data.augment=[none]"))["data"]["augment"] == []
    assert check(compose_config("data.augment=flip"))["data"]["augment"] == ["flip"]


def test_checking_imports_no_torch():
    code = (
        "import sys; from hydra import compose, initialize_config_dir; from pathlib import Path;"
        "from groundup.command.resolvers import register_resolvers; from groundup.config.check import check;"
        f"root = Path({str(PROJECT)!r}); register_resolvers(root)\n"
        "with initialize_config_dir(str(root / 'conf'), version_base='1.3'): check(compose('train', ['data=mnist']))\n"
        "assert not {'torch', 'lightning', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_momentum_means_no_nesterov_either(compose_config):
    assert check(compose_config("optimizer.momentum=0"))["optimizer"]["nesterov"] is False
    assert check(compose_config())["optimizer"]["nesterov"] is True


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_clipping_by_a_fused_optimizer_in_mixed_precision_is_refused(compose_config, precision):
    overrides = [f"trainer.precision={precision}", "trainer.gradient_clip_val=1"]
    [problem] = problems(compose_config, *overrides)
    assert problem.endswith("set optimizer.fused=false")
    check(compose_config(overrides[1], "trainer.precision=bf16-true"))
    check(compose_config(*overrides, "optimizer.fused=false"))


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["trainer.precision=bf16-mixed"],
            "trainer.precision=bf16-mixed with model=numpy_mlp: NumPy computes this network; "
            "accepted: 32-true, 64-true",
        ),
        (
            ["trainer.compile=true"],
            "trainer.compile=true with model=numpy_mlp: NumPy computes this network; accepted: false",
        ),
        (
            ["model.output=softmax"],
            "model.output=softmax with loss=cross_entropy: this loss applies softmax or sigmoid itself; set "
            "model.output=identity or loss=squared_error",
        ),
        (
            ["model.activation=gelu"],
            "model.activation=gelu: must be 'relu', 'sigmoid' or 'tanh'",
        ),
    ],
    ids=["precision", "compile", "output", "activation"],
)
def test_what_a_network_in_numpy_cannot_do_is_refused(compose_config, overrides, problem):
    assert problems(compose_config, "model=numpy_mlp", *overrides) == [problem]
    others = ["model.output=softmax", "loss=squared_error", "trainer.precision=64-true", "trainer.accelerator=cuda"]
    check(compose_config("model=numpy_mlp", *others))


def test_a_network_in_numpy_needs_a_core_for_each_process_whatever_was_asked_for(compose_config, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    overrides = ["trainer.accelerator=cuda", "trainer.devices=3"]
    [problem] = problems(compose_config, "model=numpy_mlp", *overrides)
    assert "this machine has 2 CPU cores" in problem
    check(compose_config("model=mlp", *overrides))


@pytest.mark.parametrize(("channels", "size"), [("[4]", None), ("[4,4]", 16), ("[4,4,4]", 24)])
def test_digits_are_enlarged_as_the_convolutions_of_numpy_cnn_need_it(compose_config, channels, size):
    config = check(compose_config("model=numpy_cnn", f"model.channels={channels}"))
    assert config["data"]["image_size"] == size


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("me:secret", "must hold no password, because it would be written down; put it into ~/.netrc"),
        ("secret", "must hold no password, because it would be written down; put it into ~/.netrc"),
        ("me:sec/ret", "must be a URL"),
    ],
)
def test_a_mirror_holds_no_password_and_what_was_given_is_not_repeated(compose_config, secret, expected):
    [line] = problems(compose_config, f"data.mirror='https://{secret}@127.0.0.1/x'")
    assert line == f"data.mirror=https://…@127.0.0.1/x: {expected}"


def test_a_search_does_not_write_down_the_password_of_its_database():
    options = {"sampler": "tpe", "n_trials": None, "n_jobs": None, "metric": "val/acc", "direction": None}
    options |= {"study_name": None, "seed": 0, "params": None}
    for storage in ("sqlite:///study.db", "postgresql://me@127.0.0.1/studies", None):
        assert check_study(options | {"storage": storage})["storage"] == storage
    with pytest.raises(UserError, match=r"storage=postgresql://…@127\.0\.0\.1/studies: must hold no password"):
        check_study(options | {"storage": "postgresql://me:secret@127.0.0.1/studies"})


def test_relative_paths_are_relative_to_where_the_command_was_typed(compose_config, tmp_path, monkeypatch):
    cfg = compose_config("data.root=files", "data.mirror='~/mirror'")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    assert check(cfg)["data"]["root"] == str(tmp_path / "files")
    assert check(cfg)["data"]["mirror"] == "/home/me/mirror"
    hydra = OmegaConf.create(
        {"hydra": {"mode": "RUN", "job": {"chdir": True}, "runtime": {"cwd": "/typed/here"}, "overrides": {"task": []}}}
    )
    monkeypatch.setattr(HydraConfig.instance(), "cfg", hydra)  # the current directory is that of the run
    assert check(cfg)["data"]["root"] == "/typed/here/files"


def test_a_reference_to_nothing_is_named_with_its_key(compose_config, monkeypatch):
    monkeypatch.delenv("NOPE", raising=False)
    for key in ("optimizer.lr", "seed", "callbacks.checkpoints.monitor"):
        [line] = problems(compose_config, f"{key}=${{oc.env:NOPE}}")
        assert line == f"{key}=${{oc.env:NOPE}}: Environment variable 'NOPE' not found"


@pytest.mark.parametrize("group", ["model", "trainer", "callbacks", "logger"])
def test_a_group_that_is_left_out_is_named_as_it_was(compose_config, group):
    message = problems(compose_config, f"~{group}")[0]
    assert message.startswith(f"{group}=null: must be a group: {group}=OPTION; it cannot be left out by ~{group}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data.augment=[cutout]", "data.cutout_size=16"), "data.cutout_size=16 with images of 8x8 pixels: .*than 16"),
        (("data.augment=[shift]", "data.shift=8"), "data.shift=8 with images of 8x8 pixels: nothing .* less than 8"),
        (("data.augment=[mixup,mixup]",), r"data.augment=\[mixup, mixup\]: accepted: mixup and cutmix once each"),
    ],
)
def test_augmentations_that_leave_nothing_or_count_once_are_refused(compose_config, words, said):
    with pytest.raises(UserError, match=said):
        check(compose_config(*words))
    check(compose_config("data.augment=[cutout,shift,mixup,cutmix]", "data.cutout_size=15", "data.shift=7"))
