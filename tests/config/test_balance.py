from __future__ import annotations

import pytest

from groundup.config.check import check
from groundup.errors import UserError

REFUSED = {
    "of another length": (["loss.class_weights=[1,2,3]"], "3 numbers, and data=digits has 10 classes"),
    "below zero": (["loss.class_weights=[1,-2]"], "loss.class_weights"),
    "twice": (["loss.class_weights=balanced", "data.sampler=balanced"], "rare classes would count twice more"),
    "of a way of its own": (["model=forward_forward", "loss.class_weights=balanced"], "does not weigh images"),
    "of NoProp": (["model=noprop_dt", "loss.class_weights=balanced"], "accepted: null, or data.sampler=balanced"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_weights_that_cannot_work_are_refused(compose_config, words, message):
    with pytest.raises(UserError) as refusal:
        check(compose_config(*words))
    assert message in str(refusal.value)


def test_what_can_work_is_not(compose_config):
    for words in (["model=numpy_mlp", "loss=bce", "loss.class_weights=balanced"], ["data.sampler=balanced"]):
        check(compose_config(*words))
