"""Which jobs train at once."""

from __future__ import annotations

from typing import Any

import pytest

from groundup.config.check import check
from groundup.sweep.stacked.stackable import groups_of

MLP = ("model=mlp", "data=mnist", "optimizer=sgd")


@pytest.fixture
def sort(compose_config):
    def sort_jobs(common: tuple[str, ...], *own: str, **options: Any) -> tuple[list[list[int]], dict[int, str]]:
        return groups_of([check(compose_config(*common, *words.split())) for words in own], **options)

    return sort_jobs


def test_jobs_that_differ_in_numbers_are_one_stack(sort):
    own = ("seed=0", "seed=1", "model.init=normal", "model.dropout=0.5", "optimizer.lr=1", "optimizer.weight_decay=0")
    assert sort(MLP, *own, "optimizer.momentum=0", "optimizer.momentum=0.5") == ([list(range(8))], {})


@pytest.mark.parametrize(
    "other",
    [
        "model.hidden_dims=[8]",
        "model.activation=gelu",
        "data=fashion_mnist",
        "data.batch_size=64",
        "data.val_fraction=0.2",
        "data.augment=[shift]",
        "loss=mse",
        "optimizer=adam",
        "scheduler=cosine",
        "trainer.max_epochs=3",
    ],
)
def test_jobs_that_differ_in_more_are_not(sort, other):
    assert sort(MLP, "seed=0", "seed=1", f"{other} seed=2", f"{other} seed=3") == ([[0, 1], [2, 3]], {})


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("model=cnn", "model=cnn"),
        ("model=numpy_mlp", "model=numpy_mlp"),
        ("model.batch_norm=true", "model.batch_norm"),
        ("data.augment=[shift,mixup]", "data.augment=mixup"),
        ("data.sampler=balanced", "data.sampler"),
        ("loss.class_weights=balanced", "loss.class_weights"),
        ("optimizer=numpy_sgd", "optimizer=numpy_sgd"),
        ("callbacks=early_stopping", "callbacks.early_stopping"),
        ("trainer.precision=bf16-mixed optimizer.fused=false", "trainer.precision"),
        ("trainer.compile=true", "trainer.compile"),
        ("+trainer.limit_train_batches=3", "trainer.limit_train_batches"),
        ("+trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches"),
        ("resume=auto", "resume=auto"),
    ],
)
def test_what_cannot_be_stacked_runs_alone_and_it_is_said_why(sort, words, reason):
    stacks, alone = sort(("data=mnist", "model=mlp"), "seed=0", words, "seed=1", f"{words} seed=1")
    assert stacks == [[0, 2]]
    assert list(alone) == [1, 3]
    assert all(said.startswith(reason) for said in alone.values())


def test_folds_of_as_many_images_are_one_stack(sort):
    own = [f"data.fold={fold} seed={seed}" for fold in range(3) for seed in range(2)]
    assert sort((*MLP, "data.folds=3"), *own) == ([list(range(6))], {})
    assert sort((*MLP, "data.folds=7"), *own) == ([[0, 1], [2, 3], [4, 5]], {})  # of 60,000 images


def test_a_job_without_a_like_runs_alone(sort):
    stacks, alone = sort(MLP, "seed=0", "seed=1", "optimizer=adam")
    assert stacks == [[0, 1]]
    assert alone == {2: "no other job differs from it in numbers only"}


def test_large_groups_are_divided_into_nearly_equal_stacks(sort):
    stacks, alone = sort(MLP, *(f"seed={seed}" for seed in range(7)), max_members=3)
    assert stacks == [[0, 1, 2], [3, 4], [5, 6]]
    assert alone == {}
