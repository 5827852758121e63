"""The main job on the published files."""

from __future__ import annotations

import os

import pytest
from launch import train_here

ROOT = os.environ.get("GROUNDUP_REAL_DATA")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(ROOT is None, reason="GROUNDUP_REAL_DATA is not set to a folder that holds the published files"),
]


def test_an_mlp_learns_mnist(tmp_path):
    results = train_here(
        tmp_path, "model=mlp", "model.hidden_dims=[128]", "data=mnist", f"data.root={ROOT}", "data.limit_train=5000",
        "trainer.max_epochs=1",
    )  # fmt: skip
    assert results["test/acc"] > 0.85


def test_a_small_cnn_begins_to_learn_cifar10(tmp_path):
    results = train_here(
        tmp_path, "model=cnn", "model.width=8", "data=cifar10", f"data.root={ROOT}",
        "data.limit_train=2000", "data.limit_test=2000", "trainer.max_epochs=1",
    )  # fmt: skip
    assert results["test/acc"] > 0.15  # ten classes: guessing gives 0.10
