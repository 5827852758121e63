"""A run on arrays of one's own keeps the mean and deviation that it measured, and is evaluated by them."""

from __future__ import annotations

import numpy as np
import pytest
from launch import SMALL, train_here

from groundup.config.trust import refuse_foreign_targets
from groundup.errors import UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import data_options, evaluate


def test_a_run_on_arrays_is_evaluated_as_it_was_trained(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = random.normal(60 + 100 * labels[:, None, None], 20, (60, 8, 8)).clip(0, 255).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", x=images, y=np.array(["dark", "light"])[labels])
    results = train_here(tmp_path / "run", "data=arrays", f"data.file={tmp_path / 'mine.npz'}", *SMALL)
    spec = load_checkpoint(tmp_path / "run/checkpoints/last.ckpt")["spec"]
    assert spec["class_names"] == ("dark", "light")
    assert results["normalisation"]["mean"] == list(spec["mean"])
    assert spec["mean"][0] == pytest.approx(images.mean() / 255, abs=0.02)
    found = evaluate(tmp_path / "run", accelerator="cpu")
    assert {key: found[key] for key in ("test/acc", "test/loss")} == {
        key: results[key] for key in ("test/acc", "test/loss")
    }


def test_keys_of_data_name_files_and_others_do_not():
    refuse_foreign_targets({"data": {"_target_": "groundup.data.arrays.ArrayData", "file": "/x.npz"}})
    with pytest.raises(Exception, match="may name no files"):
        refuse_foreign_targets({"data": {"_target_": "groundup.data.arrays.ArrayData", "log_file": "/x.npz"}})


def test_decoded_images_are_not_kept_where_a_run_of_somebody_elses_says(tmp_path):
    stranger = {"name": "image_folder", "root": str(tmp_path), "cache": "/home/you/.ssh", "mirror": "http://x"}
    options = data_options(tmp_path, stranger, {"root": str(tmp_path)})
    assert (options["cache"], options["mirror"]) == ("auto", None)
    assert data_options(tmp_path, stranger | {"cache": None}, {"root": str(tmp_path)})["cache"] is None
    with pytest.raises(UserError, match=r"data.file=/x.npz: data=image_folder of this run has no such key"):
        data_options(tmp_path, stranger, {"file": "/x.npz"})
