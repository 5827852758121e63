from __future__ import annotations

import pytest

from groundup.data.augment_names import check_names
from groundup.errors import UserError


@pytest.mark.parametrize(
    ("names", "padding", "message"),
    [
        ("flop", 4, r"data\.augment=flop: unknown; accepted: none, flip"),
        (["flip", "alternating_flip"], 4, "choose one"),
        (["crop"], 8, r"data\.crop_padding=8: must be less than the image's 8"),
    ],
)
def test_a_wrong_augmentation_is_refused(names, padding, message):
    with pytest.raises(UserError, match=message):
        check_names(names, padding, (8, 8))


def test_names_may_be_one_word_or_none():
    assert check_names("flip", 4, (8, 8)) == ["flip"]
    assert check_names("none", 4, (8, 8)) == check_names([], 4, (8, 8)) == check_names(["none"], 4, (8, 8)) == []
