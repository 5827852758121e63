"""Mixtures of two images of a batch, with a share of either label.

Which of the two is called the image's own makes no difference to what is learnt, as both come in either place. So it is
the one that has the larger share: what a step predicts of a mixture is held against its own label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from groundup.data.augment_names import MIXING
from groundup.data.geometric import inside


class Mixed(NamedTuple):
    """Images of a batch, mixed.

    Attributes:
        images: `(N, C, H, W)`.
        partner: `(N,)`, the place in the batch of what each was mixed with.
        share: `(N,)` of 0.5..1, of an image itself; its partner has the rest.
    """

    images: Tensor
    partner: Tensor
    share: Tensor


@dataclass(frozen=True)
class Mixing:
    """Mixes the images of a batch, each in one of some ways, which a coin chooses.

    Random numbers are torch's own, of the images' device; nothing waits for it.

    Args:
        alphas: by name, of `mixup` and `cutmix` or of one of them: its share is of Beta(alpha, alpha).
    """

    alphas: dict[str, float]

    def __call__(self, images: Tensor) -> Mixed:
        """Mixes images `(N, C, H, W)` of float, normalised or not."""
        device = images.device
        partner = torch.rand(len(images), device=device).argsort()
        others = images[partner]
        ways = [_WAYS[name](images, others, beta(alpha, len(images), device)) for name, alpha in self.alphas.items()]
        mixed, share = ways[0]
        for other_mixed, other_share in ways[1:]:
            heads = torch.rand(len(images), device=device) < 0.5
            mixed = torch.where(heads[:, None, None, None], mixed, other_mixed)
            share = torch.where(heads, share, other_share)
        return Mixed(mixed, partner, share)


def mixing(names: Sequence[str], alphas: dict[str, float]) -> Mixing | None:
    """What the names of augmentations ask for; None where they mix nothing."""
    chosen = {name: alphas[name] for name in MIXING if name in names}
    return Mixing(chosen) if chosen else None


def beta(alpha: float, count: int, device: torch.device) -> Tensor:
    """Numbers of Beta(alpha, alpha), `(count,)`."""
    alphas = torch.full((count,), float(alpha), device=device)
    return torch.distributions.Beta(alphas, alphas, validate_args=False).sample()


def mixup(images: Tensor, others: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted means of two images, and the weight `(N,)` of the first, which is the larger one.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2017).
    """
    share = torch.maximum(share, 1 - share)
    weight = share[:, None, None, None].to(images.dtype)
    return weight * images + (1 - weight) * others, share


def cutmix(images: Tensor, others: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """A box of one image in the other, and the part of the area `(N,)` that is of the first, the larger one.

    The box has an area of 1 - share, its centre anywhere in the image; the rest of it is cut off at the border.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features" (2019).
    """
    size = images.shape[2:]
    sides = [((1 - share).clamp(min=0).sqrt() * length).long() for length in size]
    centres = [(torch.rand(len(images), device=images.device) * length).long() for length in size]
    first = [(centre - side // 2).clamp(min=0) for centre, side in zip(centres, sides, strict=True)]
    last = [
        (centre - side // 2 + side).clamp(max=length) for centre, side, length in zip(centres, sides, size, strict=True)
    ]
    lengths = [end - begin for begin, end in zip(first, last, strict=True)]
    box = lengths[0] * lengths[1] / (size[0] * size[1])
    in_box = box > 0.5  # where an image is what is seen in the box, and else what is around it
    own = inside(images, torch.stack([*first, *lengths], dim=1)) == in_box[:, None, None, None]
    return torch.where(own, images, others), torch.maximum(box, 1 - box)


_WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {"mixup": mixup, "cutmix": cutmix}
