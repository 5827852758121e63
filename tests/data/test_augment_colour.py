"""Values and places after a change, against torchvision, which takes one image and one amount at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Generator, Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from groundup.data import colour, geometric, policies

N, H, W = 14, 20, 26
BILINEAR = InterpolationMode.BILINEAR
BLACK = torch.zeros(3, 1, 1, dtype=torch.uint8)
AMOUNTS = torch.linspace(0, 1.9, N)


def photographs(channels: int = 3) -> Tensor:
    """Smooth images with edges, and one that is flat."""
    coarse = torch.rand(N, channels, 4, 5, generator=Generator().manual_seed(1))
    images = torch.nn.functional.interpolate(coarse, size=(H, W), mode="bicubic").clamp(0, 1)
    images[:, :, 5:9, 3:7] = 1
    images[3] = 0.5
    return (images * 255).round().to(torch.uint8)


def difference(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


CHANGES = {
    "brightness": (colour.brightness, tv.adjust_brightness, AMOUNTS),
    "contrast": (colour.contrast, tv.adjust_contrast, AMOUNTS),
    "saturation": (colour.saturation, tv.adjust_saturation, AMOUNTS),
    "sharpness": (colour.sharpness, tv.adjust_sharpness, AMOUNTS),
    "hue": (colour.hue, tv.adjust_hue, torch.linspace(-0.5, 0.5, N)),
    "posterize": (colour.posterize, tv.posterize, torch.arange(N) % 8 + 1),
    "solarize": (colour.solarize, tv.solarize, torch.linspace(0, 255, N)),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_colour_is_torchvisions_with_an_amount_of_its_own_for_every_image(name, channels):
    ours, theirs, amounts = CHANGES[name]
    images = photographs(channels)
    expected = torch.stack([theirs(image, amount.item()) for image, amount in zip(images, amounts, strict=True)])
    assert difference(ours(images, amounts), expected) <= 1  # of 255; products are rounded in another order
    if channels == 3:
        shifted = torch.stack([theirs(image, a.item()) for image, a in zip(images, amounts.roll(1), strict=True)])
        assert difference(ours(images, amounts), shifted) > 10  # the amounts of other images are seen


@pytest.mark.parametrize(("ours", "theirs"), [(colour.autocontrast, tv.autocontrast), (colour.equalize, tv.equalize)])
def test_changes_without_an_amount_are_torchvisions_and_pillows(ours, theirs):
    images = photographs()
    assert difference(ours(images), theirs(images)) <= 1
    assert difference(ours(images), images) > 10
    for image, new in zip(images, ours(images), strict=True):
        pillow = getattr(ImageOps, theirs.__name__)(Image.fromarray(image.permute(1, 2, 0).numpy()))
        assert np.abs(np.asarray(pillow).astype(int) - new.permute(1, 2, 0).numpy()).max() <= 1


def test_an_image_turns_counter_clockwise_as_torchvisions_does():
    images, angles = photographs(), torch.linspace(-170, 180, N)
    ours = geometric.warp(images, geometric.turned(angles), BLACK)
    pairs = list(zip(images, angles.tolist(), strict=True))
    expected = torch.stack([tv.rotate(image, angle, BILINEAR) for image, angle in pairs])
    assert difference(ours, expected) <= 1
    assert difference(ours, torch.stack([tv.rotate(image, -angle, BILINEAR) for image, angle in pairs])) > 50


def test_what_a_rotation_shows_beyond_the_border_is_the_image_mirrored():
    images, angles = photographs(), torch.linspace(-30, 30, N)
    ours = geometric.warp(images, geometric.turned(angles))
    mirrored = tv.pad(images, [H // 2] * 4, padding_mode="symmetric")
    pairs = zip(mirrored, angles.tolist(), strict=True)
    expected = torch.stack([tv.center_crop(tv.rotate(image, angle, BILINEAR), [H, W]) for image, angle in pairs])
    assert difference(ours, expected) <= 1


def test_a_box_is_enlarged_as_torchvision_enlarges_an_image_of_its_own():
    images = photographs()
    boxes, fits = geometric.random_boxes(images, (0.08, 1), geometric.RATIO, Generator().manual_seed(0), True)
    assert fits.all()
    ours = geometric.resized(images, boxes)
    pairs = list(zip(images, boxes.tolist(), strict=True))
    expected = torch.stack([tv.resized_crop(image, *box, [H, W], BILINEAR, antialias=True) for image, box in pairs])
    assert difference(ours, expected) <= 1
    assert difference(ours, expected.roll(1, 0)) > 50


def test_boxes_have_the_areas_shapes_and_places_that_are_asked_for():
    many = torch.zeros(20_000, 1, 100, 200, dtype=torch.uint8)
    boxes, fits = geometric.random_boxes(many, (0.1, 0.3), (0.5, 2), Generator().manual_seed(0), True)
    top, left, tall, wide = boxes[fits].double().unbind(1)
    assert fits.float().mean() > 0.999
    area, ratio = tall * wide / 20_000, wide / tall
    assert abs(area.mean() - 0.2) < 0.002
    assert area.min() > 0.095
    assert area.max() < 0.305
    assert abs(ratio.log().mean()) < 0.02
    assert ratio.min() > 0.47
    assert (top + tall <= 100).all()
    assert (left + wide <= 200).all()
    assert abs((top / (100 - tall).clamp(min=1)).mean() - 0.5) < 0.02
    assert abs((left / (200 - wide)).mean() - 0.5) < 0.02


def test_an_image_too_long_for_every_box_keeps_its_middle():
    strip = torch.arange(400).remainder(251).to(torch.uint8).reshape(1, 1, 4, 100)
    out = geometric.random_resized_crop(strip, (1.0, 1.0), Generator().manual_seed(0))
    # the largest box of width to height 4/3 is 4 x 5, in the middle: columns 47 to 51
    assert torch.equal(out, geometric.resized(strip, torch.tensor([[0, 47, 4, 5]])))


def test_erasing_fills_one_rectangle_of_about_half_of_the_images():
    images = torch.full((4000, 1, 20, 20), 9, dtype=torch.uint8)
    out = geometric.erasing(images, 0.5, (0.1, 0.2), BLACK[:1], Generator().manual_seed(0))
    erased = (out == 0)[:, 0]
    area = erased.flatten(1).sum(1)
    assert abs((area > 0).float().mean() - 0.5) < 0.03
    assert area[area > 0].min() >= 35
    assert area.max() <= 90
    assert torch.equal(area, erased.any(1).sum(1) * erased.any(2).sum(1))  # rectangles
    assert len(set(erased.any(1).float().argmax(1).tolist())) > 10


def as_torchvision(image: Tensor, name: str, magnitude: float, most: policies.Strongest) -> Tensor:
    """An operation by what the classes `RandAugment` and `TrivialAugmentWide` do of it, at -1..1 of its strongest."""
    size, shear = abs(magnitude), math.degrees(math.atan(most.shear * magnitude))
    plain = {"scale": 1.0, "interpolation": BILINEAR}
    corner = plain | {"angle": 0.0, "translate": [0, 0], "center": [0, 0]}
    straight = plain | {"angle": 0.0, "shear": [0.0, 0.0]}
    return {
        "identity": lambda: image,
        "shear_x": lambda: tv.affine(image, shear=[shear, 0.0], **corner),
        "shear_y": lambda: tv.affine(image, shear=[0.0, shear], **corner),
        "move_x": lambda: tv.affine(image, translate=[int(most.move * W * magnitude), 0], **straight),
        "move_y": lambda: tv.affine(image, translate=[0, int(most.move * H * magnitude)], **straight),
        "turn": lambda: tv.rotate(image, most.turn * magnitude, BILINEAR),
        "brightness": lambda: tv.adjust_brightness(image, 1 + most.colour * magnitude),
        "saturation": lambda: tv.adjust_saturation(image, 1 + most.colour * magnitude),
        "contrast": lambda: tv.adjust_contrast(image, 1 + most.colour * magnitude),
        "sharpness": lambda: tv.adjust_sharpness(image, 1 + most.colour * magnitude),
        "posterize": lambda: tv.posterize(image, 8 - round(most.bits * size)),
        "solarize": lambda: tv.solarize(image, 255 * (1 - size)),
        "autocontrast": lambda: tv.autocontrast(image),
        "equalize": lambda: tv.equalize(image),
    }[name]()


@pytest.mark.parametrize("most", [policies.RAND, policies.TRIVIAL], ids=["rand", "trivial"])
@pytest.mark.parametrize("strength", [-0.9, 0.4])
def test_every_image_gets_its_own_operation_as_torchvision_does_it(strength, most):
    images, operation = photographs(), torch.arange(N).roll(5)
    ours = policies.apply(images, operation, torch.full((N,), strength), most, BLACK)
    names = [policies.OPERATIONS[number] for number in operation]
    for name, image, new in zip(names, images, ours, strict=True):
        assert difference(new, as_torchvision(image, name, strength, most)) <= 1, name
        if name not in ("identity", "posterize", "solarize") and image.max() > image.min():
            assert difference(new, image) > 1, name


def test_the_operations_of_randaugment_come_equally_often_and_either_way(monkeypatch):
    seen: list[tuple[Tensor, Tensor]] = []
    monkeypatch.setattr(policies, "apply", lambda images, op, amount, *_: seen.append((op, amount)) or images)
    policies.randaugment(torch.zeros(28_000, 1, 1, 1), 2, 15, BLACK, Generator().manual_seed(0))
    policies.trivialaugment(torch.zeros(28_000, 1, 1, 1), BLACK, Generator().manual_seed(0))
    for operation, amount in seen:
        assert (operation.bincount(minlength=N) - 2000).abs().max() < 200
        assert abs((amount > 0).float().mean() - 0.5) < 0.03
    (first, amount), (second, _), (_, trivial) = seen
    assert abs((first == second).float().mean() - 1 / N) < 0.01
    assert set(amount.abs().tolist()) == {0.5}
    assert (trivial.abs() * 30).round().long().bincount().tolist() == pytest.approx([28_000 / 31] * 31, rel=0.2)
