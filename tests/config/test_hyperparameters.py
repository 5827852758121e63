from __future__ import annotations

from groundup.config.check import check
from groundup.config.hyperparameters import hyperparameters

YOUNGER = ("crop_scale", "rotation", "color_jitter", "randaugment", "erasing_area", "mixup_alpha", "sampler")


def test_amounts_of_augmentations_are_settings_where_these_are_used(compose_config):
    plain = hyperparameters(check(compose_config()))
    assert not [key for key in YOUNGER if f"data.{key}" in plain]  # a run of an older version is the same configuration
    assert "loss.class_weights" not in plain
    used = hyperparameters(
        check(compose_config("data.augment=[rotation,mixup]", "data.sampler=balanced", "data.rotation=20"))
    )
    assert used.keys() - plain.keys() == {"data.rotation", "data.mixup_alpha", "data.sampler"}
    weighed = hyperparameters(check(compose_config("loss.class_weights=balanced")))
    assert weighed["loss.class_weights"] == "balanced"
