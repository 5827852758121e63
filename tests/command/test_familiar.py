"""Names that other projects use are answered with ours; as a slip of the pen where spelling leads to it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from groundup.command.explain import explain
from groundup.command.frame import _as_setting
from groundup.config import familiar as table
from groundup.config.familiar import familiar
from groundup.config.options import Run
from groundup.config.validation import refuse_wrong_values
from groundup.errors import UserError

PROJECT = Path(__file__).parents[2]
CONF = PROJECT / "src" / "groundup" / "conf"
OUTSIDE = PROJECT / "tests" / "outside"
EXTRA = "scheduler=cosine callbacks=early_stopping logger=wandb"  # where some of the keys are


def said(word, command="train"):
    refused = pytest.raises((HydraException, OmegaConfBaseException))
    with initialize_config_dir(str(CONF), version_base="1.3"), refused as error:
        compose(command, [word])
    return explain(error.value, [word], CONF / f"{command}.yaml", sweeps=True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ckpt_path=X", "ckpt_path=X: there is no key 'ckpt_path'; here: resume=X to go on with a run, init_from=X to"),
        ("resume_from_checkpoint=X", "here: resume=X"),
        ("pretrained=true", "here: model=timm model.weights=default, or init_from=FILE"),
        ("model.pretrained=true", "here: model=timm model.weights=default, or init_from=FILE"),
        ("datamodule=mnist", "here: data=mnist"),
        ("dataset=mnist", "here: data=mnist"),
        ("net=cnn", "here: model=cnn"),
        ("lr=0.1", "did you mean optimizer.lr=0.1?"),
        ("learning_rate=0.1", "did you mean optimizer.lr=0.1?"),
        ("batch_size=64", "did you mean data.batch_size=64?"),
        ("epochs=5", "did you mean trainer.max_epochs=5?"),
        ("num_workers=4", "did you mean data.workers=4?"),
        ("data.num_workers=4", "did you mean data.workers=4?"),
        ("model.lr=0.1", "here: optimizer.lr=0.1"),
        (
            "model.optimizer.lr=0.1",
            "model.optimizer.lr=0.1: there is no key 'model.optimizer' with model=cnn; here: opt",
        ),
        ("model.net.width=8", "here: model.width=8"),
        ("trainer.gpus=1", "did you mean trainer.devices=1?"),
        ("trainer=gpu", "trainer=gpu: there is no trainer 'gpu'; here: trainer.accelerator=gpu."),
        ("trainer=ddp", "here: trainer.devices=2"),
        ("device=cuda", "here: trainer.accelerator=cuda"),
        ("precision=16-mixed", "did you mean trainer.precision=16-mixed?"),
        ("hparams_search=mnist_optuna", "here: -m hydra/sweeper=optuna"),
        ("optimized_metric=val/acc", "here: hydra.sweeper.metric=val/acc"),
        ("task_name=x", "here: hydra.run.dir=DIR"),
        ("paths.data_dir=/x", "here: data.root=/x"),
        ("data_dir=/x", "here: data.root=/x"),
        ("output_dir=/x", "here: hydra.run.dir=/x"),
        ("train=false", "here: evaluate.py run=DIR"),
        ("callbacks=none", "here: callbacks.NAME=null"),
        ("debug=fdr", "here: debug=fast"),
        ("wandb.project=x", "here: logger=wandb logger.wandb.project=x"),
        ("modle=cnn", "did you mean model=cnn?"),
    ],
)
def test_a_name_from_elsewhere_is_answered_with_ours(word, expected):
    message = said(word)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("choice", "key"),
    [
        ("scheduler=steplr", "scheduler.last_epoch"),
        ("scheduler=steplr", "scheduler.interval"),
        ("data=stripes", "data.num_classes"),
        ("model=own", "model.lr"),
        ("callbacks=early_stopping", "callbacks.early_stopping.min_delta"),
    ],
)
def test_an_argument_of_the_part_itself_is_added_whatever_others_call_so(choice, key, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(OUTSIDE))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "own.yaml").write_text("_target_: outsider.modules.Usual\nname: own\n")
    search = f"hydra.searchpath=[file://{OUTSIDE / 'conf'},file://{tmp_path}]"
    refused = pytest.raises((HydraException, OmegaConfBaseException))
    with initialize_config_dir(str(CONF), version_base="1.3"), refused as error:
        compose("train", [search, choice, f"{key}=3"])
    message = explain(error.value, [choice, f"{key}=3"], CONF / "train.yaml", sweeps=True)
    assert message.endswith(f"takes it: add it with +{key}=3")


def test_those_that_read_runs_have_their_own():
    assert "here: ckpt=last" in said("ckpt_path=last", "evaluate")
    assert "here:" not in said("lr=0.1", "evaluate")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--lr", "0.1"), "optimizer.lr=0.1"),
        (("--lr=0.1",), "optimizer.lr=0.1"),
        (("--batch-size", "64"), "data.batch_size=64"),
        (("-b", "64"), "data.batch_size=64"),
        (("--model", "resnet18"), "model=resnet18"),
        (("--epochs=5",), "trainer.max_epochs=5"),
        (
            ("--pretrained", "--lr", "1"),
            "model=timm model.weights=default, or init_from=FILE, of a run or of a state_dict",
        ),
        (("--wd", "seed=1"), "optimizer.weight_decay=VALUE"),
    ],
)
def test_options_with_dashes_are_answered_with_settings(monkeypatch, words, expected):
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    assert _as_setting(words[0], "train") == expected


@pytest.mark.parametrize(
    ("key", "value", "expected"), [("ckpt_path", "X", "init_from=X"), ("lr", 0.1, "optimizer.lr=")]
)
def test_a_key_that_was_added_is_answered_too(key, value, expected):
    with pytest.raises(UserError, match=f"{key}={value}: there is no such key; here: .*{expected}"):
        refuse_wrong_values(Run, {"seed": 0, "resume": None, key: value})


def test_every_answer_is_a_key_or_an_option_that_there_is():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", EXTRA.split())
        others = [compose("train", [word]) for word in ("scheduler=step", "model=mlp", "model=timm")]
    answers = [*table.SETTINGS.values(), *table.OPTIONS.values(), *(f"{part}x=" for part in table.WITHIN.values())]
    keys = {key for answer in answers for key in re.findall(r"(?<![\w/.+])(\w+(?:\.\w+)*)=", answer)} - {"run"}
    unknown = {key for key in keys if not key.endswith(".x") and not any(_has(each, key) for each in (cfg, *others))}
    assert unknown == {"debug", "hydra.sweeper.metric", "hydra.run.dir", "callbacks.NAME"}
    options = {(group, option) for answer in answers for group, option in re.findall(r"(\w+)=(\w+)\b", answer)}
    files = {(group, name) for group, name in options if (CONF / group).is_dir() and name.islower()}
    assert {("scheduler", "step"), ("logger", "csv"), ("debug", "fast")} <= files
    assert all((CONF / group / f"{name}.yaml").is_file() for group, name in files)


def _has(cfg, key):
    node = OmegaConf.to_container(cfg, resolve=False)
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


def test_the_table_itself_takes_no_import():
    code = "import sys; import groundup.config.familiar; sys.exit('torch' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_nobody_calls_anything_is_none():
    assert familiar("qqq", "1") is None
    assert familiar("modle", "cnn") is None
