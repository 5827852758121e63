"""What the net of the speed records promises beside what every network does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from groundup.models.speednet import SpeedNet, whitening_filters


def correlated_images(count: int = 400) -> Tensor:
    """Images (N, 3, 12, 12) whose neighbouring pixels and channels resemble one another, with a mean of their own."""
    noise = torch.randn(count, 1, 15, 15, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.avg_pool2d(noise, 4, stride=1) * 4
    images = torch.cat([smooth, smooth.roll(1, 2) + 0.5 * smooth, smooth.flip(3) - 0.3], dim=1)
    return images + 0.2 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))


def second_moments(outputs: Tensor) -> Tensor:
    """(N, C, H, W) to the C x C means of products, over images and places."""
    rows = outputs.permute(0, 2, 3, 1).flatten(0, 2)
    return rows.T @ rows / len(rows)


@pytest.mark.parametrize("size", [2, 3])
def test_whitened_patches_are_uncorrelated_with_unit_second_moments(size):
    images = correlated_images()
    filters = whitening_filters(images, size, eps=0.0)
    half = len(filters) // 2
    assert half == 3 * size**2
    whitened = second_moments(nn.functional.conv2d(images.double(), filters[:half].double()))
    torch.testing.assert_close(whitened, torch.eye(half).double(), atol=2e-2, rtol=0)
    assert torch.equal(filters[half:], -filters[:half])
    filters[0] += filters[1]  # a filter that is no eigenvector is told apart
    spoilt = second_moments(nn.functional.conv2d(images.double(), filters[:half].double()))
    assert (spoilt - torch.eye(half)).abs().max() > 0.5


def test_the_direction_of_largest_variance_comes_first():
    norms = whitening_filters(correlated_images(), 2).flatten(1).norm(dim=1)[:12]
    assert (norms.diff() >= 0).all()  # 1 / sqrt(lambda + eps)


def test_convolutions_begin_as_copies_of_their_inputs():
    net = SpeedNet(3, (16, 16), 10, widths=(32, 8, 16))
    for group, copies in zip(net.groups, (24, 8, 8), strict=True):
        x = torch.randn(2, group.first.conv.in_channels, 6, 6)
        torch.testing.assert_close(group.first.conv(x)[:, :copies], x[:, :copies])
        further = group.first.conv.out_channels > copies
        assert not further or not torch.allclose(group.first.conv(x)[:, copies], x[:, 0], atol=0.1)
    within = net.groups[0].rest[0]
    x = torch.randn(2, 32, 6, 6)
    torch.testing.assert_close(within(x), x)


def test_the_shortcut_goes_round_all_convolutions_but_the_first():
    group = SpeedNet(3, (16, 16), 10, widths=(32,), depth=3).groups[0].eval()
    x = torch.randn(2, 24, 8, 8)
    inside = group.first(x)
    torch.testing.assert_close(group(x), group.act(group.rest(inside) + inside))
    plain = SpeedNet(3, (16, 16), 10, widths=(32,), depth=2).groups[0].eval()
    torch.testing.assert_close(plain(x), plain.act(plain.rest(plain.first(x))))


@pytest.mark.parametrize(
    ("widths", "depth", "millions"), [((64, 256, 256), 2, 1.97), ((128, 384, 384), 2, 4.60), ((128, 384, 512), 3, 9.92)]
)
def test_the_nets_of_the_records_have_their_published_size(widths, depth, millions):
    net = SpeedNet(3, (32, 32), 10, widths=widths, depth=depth)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_batch_norm_stays_in_float32_where_the_rest_is_halved(dtype):
    net = SpeedNet(1, (16, 16), 10, widths=(16, 16)).to(dtype)
    dtypes = {name: tensor.dtype for name, tensor in net.state_dict().items() if tensor.is_floating_point()}
    norms = {name for name in dtypes if ".bn." in name or ".rest.1." in name}
    assert len(norms) == 16
    assert all(dtypes[name] == (torch.float32 if name in norms else dtype) for name in dtypes)
    assert net.to(torch.float64).groups[0].first.bn.bias.dtype == torch.float64


def test_norms_and_whitening_learn_their_biases_alone():
    net = SpeedNet(1, (16, 16), 10, widths=(16, 16))
    fixed = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    assert "whiten.weight" in fixed
    assert all(name == "whiten.weight" or name.endswith(("bn.weight", "rest.1.weight")) for name in fixed)
    assert "whiten.bias" not in fixed
    assert "groups.0.first.bn.bias" not in fixed
