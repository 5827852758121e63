from __future__ import annotations

import pytest

from groundup.data.amounts import Amounts, pixels, warn_of_small_amounts
from groundup.data.augment_names import check_names
from groundup.errors import UserError


@pytest.mark.parametrize(
    ("names", "padding", "message"),
    [
        ("flop", 4, r"data\.augment=flop: unknown; accepted: none, flip"),
        (["flip", "alternating_flip"], 4, "choose one"),
        (["randaugment", "trivialaugment"], 4, r"has randaugment and trivialaugment: choose one"),
        (["crop"], 0.99, r"data\.crop_padding=0\.99: must be less than the image's 8"),
        (["crop"], 8, r"data\.crop_padding=8: must be less than the image's 8"),
    ],
)
def test_a_wrong_augmentation_is_refused(names, padding, message):
    with pytest.raises(UserError, match=message):
        check_names(names, padding, (8, 8))


def test_names_may_be_one_word_or_none():
    assert check_names("flip", 4, (8, 8)) == ["flip"]
    assert check_names("none", 4, (8, 8)) == check_names([], 4, (8, 8)) == check_names(["none"], 4, (8, 8)) == []


def test_a_size_below_one_is_a_part_of_the_image_and_small_ones_are_warned_of(caplog):
    assert [pixels(size, (224, 300)) for size in (4, 0.125, 0.001)] == [4, 28, 1]
    warn_of_small_amounts(["crop", "flip"], Amounts(crop_padding=4, cutout_size=1), (224, 300))
    warn_of_small_amounts(["crop"], Amounts(crop_padding=4), (32, 32))
    warn_of_small_amounts(["crop"], Amounts(crop_padding=0.01), (224, 300))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("data.crop_padding=4 with images of 224x300 pixels: crop hardly changes them")
