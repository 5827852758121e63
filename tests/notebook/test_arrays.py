"""Arrays hold what a run of the same settings is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.notebook.arrays import load_arrays


def test_arrays_are_the_images_of_a_run():
    arrays = load_arrays("digits", val_fraction=0.2, seed=3, image_size=12, limit_test=50)
    data = ImageData(make_spec({"name": "digits", "image_size": 12}), "", val_fraction=0.2, seed=3, limit_test=50)
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    for split, loader in ((arrays.val, data.val_dataloader()), (arrays.test, data.test_dataloader())):
        x, y = (torch.cat(parts).numpy() for parts in zip(*loader, strict=True))
        np.testing.assert_allclose(split.x, x, atol=1e-6)
        np.testing.assert_array_equal(split.y, y)
        assert split.x.dtype == np.float32
    shown = torch.cat([y for _, y in data.train_dataloader()]).numpy()  # in another order
    np.testing.assert_array_equal(np.bincount(arrays.train.y), np.bincount(shown))
    assert len(arrays.test.y) == 50
    assert arrays.spec.image_size == (12, 12)


def test_no_validation_data_is_none():
    arrays = load_arrays("digits", val_fraction=0, limit_train=100)
    assert arrays.val is None
    assert len(arrays.train.y) == 100


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match=r"data\.name=digit: unknown"):
        load_arrays("digit")
