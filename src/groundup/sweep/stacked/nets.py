"""The networks of a stack: their losses and gradients at one step.

Two ways, for the same result. `Together` computes all networks in each operation: the weights of a layer lie in one
tensor `(M, ...)`, and a hundred small matrices are multiplied as one batch. `OneByOne` goes from network to network.
Convolutions of many networks are one grouped convolution, which CPUs compute at about half the speed of one after
another (LeNet, batches of 64, 16 networks: 93 ms a step against 52); on a GPU it is what fills the machine.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap

from groundup.learning.learner import Learner
from groundup.learning.losses import CrossEntropy
from groundup.sweep.stacked.layers import Masked, stack_layers


class Nets(Protocol):
    """What both ways are."""

    @property
    def is_random(self) -> bool:
        """Whether anything is drawn in a step."""
        ...

    def backward(self, x: Tensor, y: Tensor, draws: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Computes the gradient of every network's own loss and puts it into its parameters' `grad`.

        Args:
            x: `(M, B, C, H, W)`, of every member its own batch.
            y: `(M, B)`.
            draws: of every member the seed of what is random in this step.

        Returns:
            Losses `(M,)` and logits `(M, B, K)`.
        """
        ...


def nets_of(learners: Sequence[Learner]) -> Nets:
    """The faster of both ways for these networks, which differ in weights and dropout rates only, on their device."""
    convolves = any(isinstance(module, nn.Conv2d) for module in learners[0].modules())
    return OneByOne(learners) if convolves and learners[0].device.type == "cpu" else Together(learners)


class OneByOne:
    """The networks as they are, one after another."""

    def __init__(self, learners: Sequence[Learner]):
        self._learners = learners
        self._random = [_dropouts(learner.net) != {} for learner in learners]

    @property
    def is_random(self) -> bool:
        return any(self._random)

    def backward(self, x: Tensor, y: Tensor, draws: Sequence[int]) -> tuple[Tensor, Tensor]:
        losses, logits = [], []
        for member, learner in enumerate(self._learners):
            if self._random[member]:
                torch.default_generator.manual_seed(draws[member])
            parameters = list(learner.net.parameters())
            loss, out, _ = learner.losses(x[member], y[member])
            assert out is not None, "a classifier predicts"
            for parameter, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = grad
            losses.append(loss.detach())
            logits.append(out.detach())
        return torch.stack(losses), torch.stack(logits)


class Together:
    """All networks in every operation. From then on each network's parameters are views of the stacked ones."""

    def __init__(self, learners: Sequence[Learner]):
        self._parameters = [list(learner.net.parameters()) for learner in learners]
        self._weights: list[Tensor] = []
        for number, same in enumerate(zip(*self._parameters, strict=True)):
            weights = _stacked(same)
            for parameters, own in zip(self._parameters, weights.detach().unbind(), strict=True):
                parameters[number].data = own
            self._weights.append(weights)
        # a network with dropout, if there is one: those without lack its modules, not its weights
        model = max(learners, key=lambda learner: len(_dropouts(learner.net)))
        self._dropouts = Dropouts(learners, model)
        self._net = stack_layers(copy.deepcopy(model.net), self._weights)
        self._losses = member_losses(learners[0].loss)

    @property
    def is_random(self) -> bool:
        return self._dropouts.any

    def backward(self, x: Tensor, y: Tensor, draws: Sequence[int]) -> tuple[Tensor, Tensor]:
        self._dropouts.draw(self._net, x, draws)
        logits = self._net(x)
        losses = self._losses(logits, y)
        # a member's loss depends on its own weights alone: the gradient of the sum is each one's own
        grads = torch.autograd.grad(losses.sum(), self._weights)
        for number, grad in enumerate(grads):
            same_layout = _laid_out_as(self._weights[number], grad)
            for parameters, own in zip(self._parameters, same_layout.unbind(), strict=True):
                parameters[number].grad = own
        return losses.detach(), logits.detach()


def member_losses(loss: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """From logits `(M, B, K)` and targets `(M, B)` to the loss of every member, `(M,)`."""
    if not isinstance(loss, CrossEntropy):
        return vmap(loss)

    def cross_entropies(logits: Tensor, target: Tensor) -> Tensor:
        # twice as fast as vmap, which takes torch's one operation apart
        each = F.cross_entropy(
            logits.flatten(0, 1), target.flatten(), label_smoothing=loss.label_smoothing, reduction="none"
        )
        return each.unflatten(0, target.shape).mean(dim=1)

    return cross_entropies


def _stacked(same: Sequence[Tensor]) -> Tensor:
    """Tensors of one shape as one, `(M, ...)`, each in the memory layout that it has alone."""
    first = same[0]
    shape, strides = (len(same), *first.shape), (first.numel(), *first.stride())
    weights = torch.empty_strided(shape, strides, dtype=first.dtype, device=first.device)
    for own, tensor in zip(weights, same, strict=True):
        own.copy_(tensor.detach())
    return weights.requires_grad_()


def _laid_out_as(weights: Tensor, grad: Tensor) -> Tensor:
    """A gradient in the memory layout of its weights: fused optimizers go through both without a look at strides."""
    if grad.stride() == weights.stride():
        return grad
    return torch.empty_strided(weights.shape, weights.stride(), dtype=grad.dtype, device=grad.device).copy_(grad)


class Dropouts:
    """What the dropout layers of the networks draw: on the CPU, the numbers that each would have drawn alone."""

    def __init__(self, learners: Sequence[Learner], model: Learner):
        names = list(_dropouts(model.net))
        self.any = bool(names)
        rates = [[module.p for module in _dropouts(learner.net).values()] for learner in learners]
        self._rates = [own or [0.0] * len(names) for own in rates]
        self._generator = torch.Generator(model.device)
        self._shapes: list[tuple[int, ...]] | None = None
        self._alone = model.net

    def draw(self, net: nn.Module, x: Tensor, draws: Sequence[int]) -> None:
        """Gives a stacked network the masks `(M, B, ...)` for batches `(M, B, C, H, W)`."""
        if not self.any:
            return
        if self._shapes is None:
            self._shapes = _input_shapes(self._alone, x[0, :2])
        members = [self._masks(rates, seed, x.shape[1]) for rates, seed in zip(self._rates, draws, strict=True)]
        layers = [module for module in net.modules() if isinstance(module, Masked)]
        for layer, masks in zip(layers, zip(*members, strict=True), strict=True):
            layer.mask = torch.stack(masks)

    def _masks(self, rates: list[float], seed: int, batch: int) -> list[Tensor]:
        assert self._shapes is not None
        self._generator.manual_seed(seed)
        masks = []
        for rate, shape in zip(rates, self._shapes, strict=True):
            mask = torch.ones((batch, *shape), device=self._generator.device)
            if rate:  # as torch's own dropout does
                mask.bernoulli_(1 - rate, generator=self._generator).div_(1 - rate)
            masks.append(mask)
        return masks


def _dropouts(net: nn.Module) -> dict[str, nn.Dropout]:
    return {name: module for name, module in net.named_modules() if isinstance(module, nn.Dropout)}


def _input_shapes(net: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    """Of every dropout layer, the shape of one image's share of what comes in."""
    shapes: list[tuple[int, ...]] = []
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape[1:])))
        for module in _dropouts(net).values()
    ]
    was_training = net.training
    with torch.no_grad():
        net.eval()(x)
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    return shapes
