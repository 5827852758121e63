"""The files of the tab PROJECTOR, as TensorBoard's own plugin reads them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import _read_tensor_tsv_file
from torch import nn

from groundup.callbacks.projector import THUMBNAIL, last_features, write_projection
from groundup.errors import UserError
from groundup.spec import DatasetSpec

SPEC = DatasetSpec("x", 3, 8, 6, ("cat\t1", "dog"), (0.5,) * 3, (0.5,) * 3, 4, 4)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, images):
        return self.head(torch.relu(self.body(images.flatten(1))))


def test_features_are_what_the_last_linear_layer_is_given():
    net, images = Net().train(), torch.rand(600, 1, 2, 2)
    found = last_features(net, images)
    expected = torch.relu(net.body(images.flatten(1))).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert net.training


@pytest.mark.parametrize(
    "net", [nn.Conv2d(1, 2, 1), nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Flatten(), nn.Linear(7, 2))]
)
def test_a_network_without_such_a_layer_has_none(net):
    assert last_features(net, torch.rand(3, 1, 2, 2)) is None  # no layer; of every row of pixels; of other images


def test_tensorboard_reads_features_classes_and_thumbnails(tmp_path):
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    pixels = np.arange(5)[:, None, None, None] * 50 * np.ones((5, 3, 8, 6), dtype=np.int64)
    truth, guess = np.array([0, 1, 0, 1, 1]), np.array([0, 0, 0, 1, 1])
    write_projection(tmp_path, features, pixels, truth, guess, SPEC)
    [shown] = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    np.testing.assert_allclose(_read_tensor_tsv_file(str(tmp_path / shown.tensor_path)), features, rtol=1e-3)
    assert list(shown.tensor_shape) == [5, 3]
    rows = [row.split("\t") for row in (tmp_path / shown.metadata_path).read_text().splitlines()]
    assert rows[0] == ["class", "taken for", "answer"]
    assert [row[2] for row in rows[1:]] == ["right", "wrong", "right", "right", "right"]
    assert rows[2][:2] == ["dog", rows[1][0]]
    sprite, (width, height) = Image.open(tmp_path / shown.sprite.image_path), shown.sprite.single_image_dim
    assert (sprite.size, width, height) == ((3 * 6, 3 * 8), 6, 8)
    places = [(place % 3 * width + 1, place // 3 * height + 1) for place in range(5)]
    assert [sprite.getpixel(place)[0] for place in places] == [0, 50, 100, 150, 200]


def test_thumbnails_of_large_images_are_small(tmp_path):
    pixels, zeros = np.zeros((2, 3, 500, 250), dtype=np.int64), np.zeros(2, dtype=np.int64)
    write_projection(tmp_path, np.zeros((2, 1), dtype=np.float32), pixels, zeros, zeros, SPEC)
    assert Image.open(tmp_path / "projector" / "thumbnails.png").size == (THUMBNAIL, 2 * THUMBNAIL)  # two by two


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "run" / "projector").symlink_to(tmp_path / "own")
    zeros = np.zeros(1, dtype=np.int64)
    with pytest.raises(UserError, match="a link that leads to"):
        write_projection(tmp_path / "run", np.zeros((1, 1)), np.zeros((1, 3, 8, 6), int), zeros, zeros, SPEC)
    assert not list((tmp_path / "own").iterdir())
