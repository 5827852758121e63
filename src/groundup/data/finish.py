"""The last step of making a batch: augmentation, and normalisation to float32."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from groundup.data.augment import Step
from groundup.data.draws import Part
from groundup.data.streams import AUGMENT
from groundup.seeds import seed_from


class Finish:
    """Augments and normalises batches.

    Args:
        mean: per channel, of pixels scaled to 0..1.
        std: likewise.
        device: where the images lie.
        augment: of whole batches, or None.
        seed: of the augmentation.
        rank: of this process, which augments unlike the others.
    """

    def __init__(
        self,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        device: torch.device | str = "cpu",
        *,
        augment: Step | None = None,
        seed: int = 0,
        rank: int = 0,
    ):
        self.device = torch.device(device)
        self._shift = 255 * torch.tensor(mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(std, device=device)[:, None, None])
        self._augment, self._seed, self._rank = augment, seed, rank

    def __call__(
        self,
        images: Tensor,
        index: Tensor,
        epoch: int,
        number: int,
        out: Tensor | None = None,
        place: tuple[int, int] | None = None,
    ) -> Tensor:
        """Finishes images of a data set.

        Args:
            images: `(N, C, H, W)` of uint8.
            index: `(N,)`, their positions in the data set.
            epoch: counted from 0.
            number: of the chunk in its epoch; it seeds what is random.
            out: where to put them, `(N, C, H, W)` of float32; None makes a tensor.
            place: of a part of a chunk, where it begins in the chunk, and how many images that has.
        """
        if self._augment is not None:
            generator = Generator(self.device).manual_seed(seed_from(self._seed, AUGMENT, epoch, number, self._rank))
            random = generator if place is None else Part(generator, *place)
            images = self._augment(images, index, epoch, random)
        return self._normalised(images, out)

    def draw(self, images: Tensor, index: Tensor, epoch: Tensor, generator: Generator) -> Tensor:
        """Finishes images with the random numbers of a generator; `epoch` is a scalar on the device."""
        if self._augment is not None:
            images = self._augment(images, index, epoch, generator)
        return self._normalised(images)

    def _normalised(self, images: Tensor, out: Tensor | None = None) -> Tensor:
        finished = images.to(torch.float32) if out is None else out.copy_(images)
        return finished.sub_(self._shift).mul_(self._scale)
