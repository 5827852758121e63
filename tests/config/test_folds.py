"""Folds or a share: one of the two is said, and said whole."""

from __future__ import annotations

import pytest

from groundup.config.check import check
from groundup.config.folds import VAL_FRACTION
from groundup.errors import UserError

FOLDS = ("data.folds=5", "data.fold=2")


def test_with_folds_the_config_says_no_share(compose_config):
    config = check(compose_config(*FOLDS))
    assert (config["data"]["folds"], config["data"]["fold"], config["data"]["val_fraction"]) == (5, 2, None)
    assert check(compose_config(*FOLDS, "data.val_fraction=null")) == config
    plain = check(compose_config())["data"]
    assert (plain["folds"], plain["fold"], plain["val_fraction"]) == (None, None, VAL_FRACTION)


def test_a_recipe_that_trains_on_everything_is_asked_for_folds_in_words(compose_config):
    overfit = ("debug=overfit", *FOLDS)
    with pytest.raises(UserError, match=r"data\.val_fraction=0 with data\.folds=5: .*data\.val_fraction=null"):
        check(compose_config(*overfit))
    assert check(compose_config(*overfit, "data.val_fraction=null"))["data"]["fold"] == 2


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["data.folds=5"], "data.folds=5 without data.fold: which part is validated on"),
        (["data.fold=0"], "data.fold=0 without data.folds: of how many"),
        (["data.folds=5", "data.fold=5"], "data.fold=5 with data.folds=5: accepted: 0 to 4"),
        (["data.folds=5", "data.fold=-1"], "data.fold=-1: must be greater than or equal to 0"),
        (["data.folds=1", "data.fold=0"], "data.folds=1: must be greater than or equal to 2"),
        (["data.folds=5.0", "data.fold=0"], "data.folds=5.0: must be a whole number"),
        ([*FOLDS, "data.val_fraction=0.2"], "data.val_fraction=0.2 with data.folds=5: a fold is validated on"),
        (["data.val_fraction=null"], "data.val_fraction=null without data.folds"),
    ],
)
def test_contradictions_are_refused(compose_config, words, refusal):
    with pytest.raises(UserError) as error:
        check(compose_config(*words))
    assert str(error.value).startswith(refusal)


def test_a_share_that_was_typed_counts_though_it_is_the_default(compose_config):
    from groundup.config.check import check_words

    words = [*FOLDS, "data.val_fraction=0.1"]
    with pytest.raises(UserError, match=r"data\.val_fraction=0\.1 with data\.folds=5"):
        check_words(compose_config(*words), words)


def test_a_folder_with_its_own_validation_is_refused_before_an_image_is_read(compose_config, tmp_path):
    for name in ("train/a", "train/b", "val/a", "val/b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"data\.folds=5 with data\.root=.*: it has images of its own to validate on"):
        check(compose_config("data=image_folder", f"data.root={tmp_path}", *FOLDS))
