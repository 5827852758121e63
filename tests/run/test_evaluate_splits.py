"""A run is evaluated on each of its splits as it has cut them, and its answers can be had."""

from __future__ import annotations

import json

import pytest

from groundup.errors import UserError
from groundup.run.evaluate import evaluate
from groundup.rundir.predictions import read_predictions_file

AUGMENTED = "data.augment=[shift]"


@pytest.fixture
def run_dir(whole_run, make_config):
    return whole_run(make_config(AUGMENTED))


def results_of(run_dir):
    return json.loads((run_dir / "results.json").read_text())


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_figures_and_answers_of_a_split_are_those_of_the_run(run_dir, tmp_path, split):
    found = evaluate(run_dir, split=split, predictions=tmp_path / "a.npz", accelerator="cpu")
    results = results_of(run_dir)
    assert {name.partition("/")[0] for name in found} == {split}
    for name in ("acc", "loss", "f1"):
        assert found[f"{split}/{name}"] == results[f"{split}/{name}"]
    assert found[f"{split}/nll"] == pytest.approx(found[f"{split}/loss"], rel=1e-6)
    assert (tmp_path / "a.npz").read_bytes() == (run_dir / f"{split}_predictions.npz").read_bytes()


def test_training_images_are_not_augmented(run_dir, tmp_path):
    found = evaluate(run_dir, split="train", predictions=tmp_path / "a.npz", accelerator="cpu")
    assert found == evaluate(run_dir, split="train", data={"augment": []}, accelerator="cpu")
    kept = read_predictions_file(tmp_path / "a.npz")
    assert (kept.split, len(kept.true)) == ("train", 1438 - 144)
    assert kept.right.mean() == found["train/acc"] != results_of(run_dir)["train/acc"]
    assert sum(map(sum, found["train/confusion"])) == 1438 - 144


@pytest.mark.parametrize("key", ["val_fraction", "limit_train"])
def test_images_that_the_run_has_cut_otherwise_are_refused(run_dir, key):
    value = {"val_fraction": 0.2, "limit_train": 1000}[key]
    with pytest.raises(UserError, match=f"split=val: the images are others than those of the run \\({key}={value}"):
        evaluate(run_dir, split="val", data={key: value}, accelerator="cpu")


def test_a_split_that_a_run_has_not_and_views_of_another_than_the_test_are_refused(whole_run, make_config, run_dir):
    without = whole_run(make_config("data.val_fraction=0"))
    with pytest.raises(UserError, match="split=val: the run has no such images; accepted: train, test"):
        evaluate(without, split="val", accelerator="cpu")
    with pytest.raises(UserError, match=r"data\.tta=mirror with split=train"):
        evaluate(run_dir, split="train", data={"tta": "mirror"}, accelerator="cpu")


def test_a_file_that_cannot_be_written_is_named(run_dir, tmp_path):
    with pytest.raises(UserError, match=r"predictions=.*: cannot be written"):
        evaluate(run_dir, predictions=tmp_path / "nowhere" / "a.npz", accelerator="cpu")


def test_the_fold_that_was_held_out_is_the_validation(whole_run, make_config, tmp_path):
    run_dir = whole_run(make_config("data.folds=5", "data.fold=2"))
    found = evaluate(run_dir, split="val", predictions=tmp_path / "a.npz", accelerator="cpu")
    assert found["val/acc"] == results_of(run_dir)["val/acc"]
    assert (tmp_path / "a.npz").read_bytes() == (run_dir / "val_predictions.npz").read_bytes()
    with pytest.raises(UserError, match="split=val: the images are others than those of the run \\(fold=1"):
        evaluate(run_dir, split="val", data={"fold": 1}, accelerator="cpu")
