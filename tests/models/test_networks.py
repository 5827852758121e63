"""What every network in conf/model that back-propagation trains promises, and the numbers published for some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from torch import nn
from torchvision.models import resnet18 as torchvision_resnet18

from groundup.config.model_kinds import computes_in_numpy, model_kind
from groundup.config.rooms import options_of
from groundup.data.published import published_names
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.learning.numpy_net import NumPyNet
from groundup.models.cnn import CNN
from groundup.models.lenet import LeNet
from groundup.models.mlp import MLP
from groundup.models.resnet import resnet18
from groundup.options import Model, ModelKind

FILES = sorted((Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
NODES = {path.stem: OmegaConf.to_container(OmegaConf.load(path)) for path in FILES}
NETWORKS = {name: node for name, node in NODES.items() if model_kind(node) is not ModelKind.LEARNER}
SHAPES = sorted(
    {(spec.channels, *spec.image_size) for spec in (make_spec({"name": name}) for name in published_names())}
)
REFUSED = (UserError, ValueError)  # the hand-written networks know Python's errors alone


def build(name: str, shape: tuple[int, int, int], num_classes: int = 10, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    node = NETWORKS[name]
    options = {key: value for key, value in node.items() if key not in ("_target_", "name")}
    if computes_in_numpy(node):
        rng = np.random.default_rng(seed)
        return NumPyNet(get_object(node["_target_"])(shape[0], shape[1:], num_classes, **options, rng=rng))
    return get_object(node["_target_"])(shape[0], shape[1:], num_classes, **options)


def smallest_side(name: str) -> int:
    """As its options say, which a config is checked by; the network itself must agree."""
    return (options_of("model", NETWORKS[name]) or Model).smallest_image(NETWORKS[name])


def smallest_shape(name: str, channels: int = 1) -> tuple[int, int, int]:
    side = max(8, smallest_side(name))
    return channels, side, side


each_model = pytest.mark.parametrize("name", NETWORKS)


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@each_model
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("num_classes", [10, 100])
def test_images_of_any_data_set_become_logits(name, shape, num_classes):
    if shape[1] < smallest_side(name):
        with pytest.raises(REFUSED, match=f"{shape[1]}x{shape[2]}"):
            build(name, shape, num_classes)
        return
    logits = build(name, shape, num_classes)(torch.randn(2, *shape))
    assert logits.shape == (2, num_classes)
    assert logits.isfinite().all()


@each_model
def test_images_need_not_be_square(name):
    channels, side, _ = smallest_shape(name, channels=2)
    shape = channels, side, side + 5
    assert build(name, shape)(torch.randn(3, *shape)).shape == (3, 10)


@each_model
def test_the_smallest_image_works_and_one_pixel_less_is_refused(name):
    side = smallest_side(name)
    assert build(name, (1, side, side)).eval()(torch.randn(1, 1, side, side)).shape == (1, 10)
    if side == 1:
        return
    with pytest.raises(REFUSED, match=f"{name.removeprefix('numpy_')}.* {side}x{side}.* {side}x{side - 1}"):
        build(name, (1, side, side - 1))


@each_model
def test_every_parameter_gets_a_finite_gradient_that_is_not_zero(name):
    shape = smallest_shape(name)
    model, images, target = build(name, shape), torch.randn(16, *shape), torch.arange(16) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):  # a branch that starts at zero needs steps to wake up
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), target).backward()
        optimizer.step()
    gradients = {key: parameter.grad for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert [key for key, grad in gradients.items() if grad is None or not grad.isfinite().all()] == []
    assert [key for key, grad in gradients.items() if not grad.any()] == []


@each_model
def test_ten_images_are_learned_by_heart(name):
    shape = smallest_shape(name, channels=3)
    model, images, target = build(name, shape), torch.randn(10, *shape), torch.arange(10)
    rate = 2e-3 / NETWORKS[name].get("logit_scale", 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    losses: list[float] = []
    while len(losses) < 80 and (not losses or losses[-1] > 0.05):
        loss = nn.functional.cross_entropy(model(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 1.5
    assert losses[-1] <= 0.05


@each_model
def test_evaluation_is_deterministic_and_independent_of_the_batch(name):
    shape = smallest_shape(name)
    model, images = build(name, shape).eval(), torch.randn(6, *shape)
    together = model(images)
    assert torch.equal(together, model(images))
    alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


@each_model
def test_the_seed_decides_the_weights(name):
    shape = smallest_shape(name)
    first, again, other = (build(name, shape, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@each_model
def test_channels_last_changes_nothing_but_rounding(name):
    shape = smallest_shape(name, channels=3)
    model, images = build(name, shape).eval(), torch.randn(4, *shape)
    expected = model(images)
    model, images = (x.to(memory_format=torch.channels_last) for x in (model, images))
    torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, node in NETWORKS.items() if not computes_in_numpy(node)])
def test_the_forward_pass_is_one_graph(name):
    shape = smallest_shape(name)
    model, images = build(name, shape).eval(), torch.randn(2, *shape)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), model(images))


@pytest.mark.parametrize(
    ("model", "published"),
    [
        # 156 + 2,416 + 48,120 + 10,164 + 850: LeNet-5 with full connections between the convolutions
        (LeNet(1, (28, 28), 10), 61_706),
        (LeNet(1, (28, 28), 10, activation="tanh", pool="avg"), 61_706),
        # 785 * 512 + 513 * 512 + 513 * 10
        (MLP(1, (28, 28), 10, hidden_dims=[512, 512]), 669_706),
        # a linear classifier
        (MLP(1, (28, 28), 10, hidden_dims=[]), 7_850),
        # the CIFAR variant of kuangliu/pytorch-cifar and weiaicunzai/pytorch-cifar100
        (resnet18(3, (32, 32), 10), 11_173_962),
        (resnet18(3, (32, 32), 100), 11_220_132),
        # w = 64: 9 (3w + w² + 2w² + 2w² + 8w² + 8w² + 32w²) of convolutions, 2 (w + 3w + 6w + 12w) of norms, head
        (CNN(3, (32, 32), 10), 9 * (3 * 64 + 53 * 64**2) + 2 * 22 * 64 + 2_570),
    ],
    ids=["lenet", "lenet-1998", "mlp", "linear", "resnet18", "resnet18-100", "cnn"],
)
def test_parameter_counts_are_the_published_ones(model, published):
    assert count(model) == published


def test_the_residual_branches_of_the_cnn_start_at_zero():
    block = CNN(3, (8, 8), 10, width=4).stages[0].block
    x = torch.randn(2, 4, 4, 4)
    assert torch.equal(block(x), block.act2(x))
    nn.init.ones_(block.bn2.weight)
    assert not torch.allclose(block(x), block.act2(x))


def test_resnet18_computes_what_torchvision_computes():
    reference = torchvision_resnet18(num_classes=10)
    reference.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    reference.maxpool = nn.Identity()
    model = resnet18(3, (16, 16), 10)
    model.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(model(images), reference(images))
    torch.testing.assert_close(model.eval()(images), reference.eval()(images))
    with torch.no_grad():
        reference.layer3[1].conv2.weight[0, 0, 1, 1] += 1
    assert not torch.allclose(model(images), reference(images))


def test_lenet_takes_the_pooling_it_is_told():
    images = torch.randn(2, 1, 28, 28)
    largest, mean = LeNet(1, (28, 28), 10, pool="max"), LeNet(1, (28, 28), 10, pool="avg")
    mean.load_state_dict(largest.state_dict())
    assert not torch.allclose(largest(images), mean(images))


def test_mlp_layers_are_those_asked_for():
    model = MLP(1, (4, 4), 3, hidden_dims=(5,), activation="tanh", batch_norm=True, dropout=0.5)
    kinds = [type(layer).__name__ for layer in model.features]
    assert kinds == ["Flatten", "Linear", "BatchNorm1d", "Tanh", "Dropout"]
    assert model.features[1].bias is None  # the norm has its own


@pytest.mark.parametrize(
    ("option", "accepted"),
    [({"activation": "rleu"}, "relu, gelu"), ({"init": "he"}, "uniform, xavier, kaiming, normal")],
    ids=["activation", "init"],
)
def test_an_unknown_name_is_answered_with_the_known_ones(option, accepted):
    ((key, value),) = option.items()
    with pytest.raises(UserError, match=rf"model\.{key}={value}: accepted: {accepted}"):
        MLP(1, (4, 4), 3, **option)


def test_an_unknown_pooling_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match=r"model\.pool=mean: accepted: max, avg"):
        LeNet(1, (28, 28), 10, pool="mean")
