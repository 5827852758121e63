"""What is tried with a network before it is trained, or asked to predict: what it answers, and whether it may."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from groundup.learning.checkpoint import try_reading_back
from groundup.learning.predictor import are_probabilities
from groundup.models.summary import untouched
from groundup.run.kinds import NETWORK, described, refusal, shape_of, told_of
from groundup.spec import DatasetSpec

ANSWER = (
    "to predict, a LightningModule with a forward from images (N, C, H, W) to logits, log-probabilities or "
    "probabilities (N, {classes})"
)
IMAGES = 4


def check_output(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec) -> None:
    """Refuses a network whose answer to two images is not two rows of logits.

    Raises:
        UserError: as said.
    """
    _try_answer(node, net, spec, NETWORK.format(classes=spec.num_classes))


def check_answer(node: Mapping[str, Any], module: nn.Module, spec: DatasetSpec) -> None:
    """Refuses a LightningModule that nothing can be predicted with: its forward does not give a row for each image.

    Raises:
        UserError: as said.
    """
    _try_answer(node, module, spec, ANSWER.format(classes=spec.num_classes))


def _try_answer(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec, accepted: str) -> None:
    before = set(net.state_dict())
    with told_of("model", node, accepted), untouched(net) as like:
        images = torch.zeros(2, spec.channels, *spec.image_size, dtype=like.dtype, device=like.device)
        logits = net(images)
    refuse_late_layers(node, before, net)
    if not isinstance(logits, Tensor):
        raise refusal("model", node, f"it answers images with {described(logits)}", accepted)
    if logits.shape != (2, spec.num_classes):
        cause = f"it answers 2 images with {shape_of(logits)}, data={spec.name} has {spec.num_classes} classes"
        raise refusal("model", node, cause, accepted)
    if not logits.is_floating_point():
        raise refusal("model", node, f"it answers images with numbers of {logits.dtype}", accepted)


def refuse_late_layers(node: Mapping[str, Any], before: Collection[str], net: nn.Module) -> None:
    """Refuses a network with other weights than `before` it saw images: the optimizer would not know them.

    Raises:
        UserError: as said.
    """
    if late := sorted(set(before) ^ set(net.state_dict())):
        accepted = "layers made in __init__, such as torch.nn.LazyLinear"
        raise refusal("model", node, f"its forward makes or takes away {', '.join(late[:3])}", accepted)


def trial_images(spec: DatasetSpec, like: Tensor, count: int = IMAGES) -> Tensor:
    """Noise `(N, C, H, W)`, always the same, of the kind and on the device of `like`."""
    noise = torch.randn(count, spec.channels, *spec.image_size, generator=torch.Generator().manual_seed(0))
    return noise.to(device=like.device, dtype=like.dtype)


def takes_images(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec) -> bool:
    """Whether a network answers images without an error; which it is, is said where it is tried for good.

    Raises:
        UserError: it makes layers by that.
    """
    before = set(net.state_dict())
    try:
        with untouched(net) as like:
            net(trial_images(spec, like))
    except Exception:  # of any kind: it is theirs
        return False
    refuse_late_layers(node, before, net)
    return True


def make_lazy_layers(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec) -> None:
    """Gives layers that wait for their first images, such as `torch.nn.LazyLinear`, their sizes.

    Raises:
        UserError: some would go on waiting.
    """
    if not any(is_lazy(p) for p in net.parameters()):
        return
    with told_of("model", node, NETWORK.format(classes=spec.num_classes)), untouched(net) as like:
        net(torch.zeros(2, spec.channels, *spec.image_size, dtype=like.dtype, device=like.device))
    if waiting := [name for name, p in net.named_parameters() if is_lazy(p)]:
        raise refusal("model", node, f"images do not reach {waiting[0]}, which has no size", "layers with sizes")


def try_state(node: Mapping[str, Any], module: nn.Module) -> None:
    """Refuses a module with a state that a checkpoint could hold and nobody would read back.

    Raises:
        UserError: as said.
    """
    odd = {name: value for name, value in module.state_dict().items() if type(value) not in (Tensor, nn.Parameter)}
    try:
        try_reading_back(odd)
    except Exception as error:  # of any kind: objects may say how they are written, and fail
        cause = f"what its checkpoints hold could not be read back ({', '.join(odd)})"
        raise refusal("model", node, cause, "tensors and plain containers in state_dict") from error


def try_network(node: Mapping[str, Any], net: nn.Module, loss: Any, spec: DatasetSpec) -> None:
    """Refuses a network whose answers are no logits, or others when it is trained, or change what it is.

    Raises:
        UserError: as said.
    """
    with told_of("model", node, NETWORK.format(classes=spec.num_classes)), untouched(net) as like:
        answers = net(trial_images(spec, like))
        _refuse_change_by_looking(node, net, trial_images(spec, like).flip(0))
        _refuse_probabilities(node, answers.float(), loss)
        _try_training(node, net, trial_images(spec, like), answers)


def _refuse_change_by_looking(node: Mapping[str, Any], net: nn.Module, images: Tensor) -> None:
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    net(images)
    for name, buffer in net.named_buffers():
        if name in before and not torch.equal(buffer.nan_to_num(), before[name].nan_to_num()):
            accepted = "statistics that change where self.training is true"
            raise refusal("model", node, f"in evaluation its forward changes {name}", accepted)


def _refuse_probabilities(node: Mapping[str, Any], answers: Tensor, loss: Any) -> None:
    """Under a loss that makes probabilities itself, by a softmax, say, they would be made twice."""
    if are_probabilities(answers) and makes_probabilities(loss, answers):
        accepted = "logits, or a loss of probabilities"
        raise refusal("model", node, "gives probabilities, and the loss turns them into probabilities again", accepted)


def makes_probabilities(loss: Any, answers: Tensor) -> bool:
    """Whether a loss makes others of rows `(N, K)` that are probabilities, or does not heed what is added to a row."""
    if convert := getattr(loss, "probabilities", None):
        return not torch.allclose(convert(answers), answers, atol=1e-3)
    target = torch.arange(len(answers), device=answers.device) % answers.shape[1]
    trial = copy.deepcopy(loss) if isinstance(loss, nn.Module) else loss
    trial = trial.to(answers) if isinstance(trial, nn.Module) else trial
    return torch.allclose(trial(answers, target), trial(answers + 1, target), rtol=1e-4)


def _try_training(node: Mapping[str, Any], net: nn.Module, images: Tensor, answers: Tensor) -> None:
    """What it answers in training must be of the kind that it answers in evaluation."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            copied = copy.deepcopy(net).train()
            given = copied(images)
    except Exception:  # of any kind: it cannot be copied, or wants more images; a step of training says what is wrong
        return
    refuse_late_layers(node, set(net.state_dict()), copied)
    if not isinstance(given, Tensor):
        what = f"{type(given).__module__}.{type(given).__qualname__}"
        raise refusal("model", node, f"in training it answers with an object of {what}", "logits, as in evaluation")
    if given.shape != answers.shape or not given.is_floating_point():
        what = f"{given.dtype} of shape {tuple(given.shape)}"
        raise refusal("model", node, f"in training it answers {len(images)} images with {what}", "as in evaluation")


def refuse_sigmoids(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec) -> None:
    """Refuses a network that answers with a number of 0..1 for each class by itself, of which no softmax may be made.

    Raises:
        UserError: as said.
    """
    with untouched(net) as like:
        answers = net(10 * trial_images(spec, like, 16)).float()  # far from 0: of logits some are not within 0..1
    if bool(((answers >= 0) & (answers <= 1)).all()) and answers.std() > 0 and not are_probabilities(answers):
        cause = "to predict: it answers with numbers of 0..1 that do not add up to 1, as of a sigmoid"
        raise refusal("model", node, cause, ANSWER.format(classes=spec.num_classes))


def answers_at_random(net: nn.Module, spec: DatasetSpec) -> bool:
    """Whether a network draws random numbers to answer images in evaluation."""
    with untouched(net) as like:
        once, again, other = (_seeded(net, trial_images(spec, like), seed) for seed in (0, 0, 1))
    return torch.equal(once, again) and not torch.equal(once, other)


def _seeded(net: nn.Module, images: Tensor, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return net(images).nan_to_num()


def answer_alike(one: nn.Module, other: nn.Module, spec: DatasetSpec) -> bool:
    """Whether two networks with the same weights answer the same, but for rounding."""
    with untouched(one) as like, untouched(other):
        first, second = (_seeded(net, trial_images(spec, like), 0).float() for net in (one, other))
    return torch.allclose(first, second, rtol=1e-3, atol=1e-3 * max(1e-6, float(first.abs().max())))
