"""The mistakes that a network is surest of."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from groundup.callbacks.evaluation_watcher import EvaluationWatcher, moment
from groundup.callbacks.shown_images import pixels_of
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.ink import GREEN, RED
from groundup.pictures.tiles import as_tiles, draw_tiles

COLUMNS = 5  # TensorBoard's cards are some 340 pixels wide and 210 high: two such rows can be read there


class Mistakes(EvaluationWatcher):
    """Pictures `mistakes/val` and `mistakes/test`: images taken for a wrong class, the surest first.

    Args:
        count: images at most.
        every_n_epochs: see `EvaluationWatcher`.
    """

    def __init__(self, count: int = 10, every_n_epochs: int = 5):
        super().__init__(every_n_epochs)
        self.count = count

    def begin(self, learner: Learner) -> None:
        device, spec = learner.device, learner.spec
        empty = torch.zeros(self.count, dtype=torch.int64, device=device)
        # probability, true and predicted class, image; none yet, and of one size in all processes
        self._worst = (
            torch.full((self.count,), -1.0, device=device),
            empty,
            empty,
            torch.zeros(self.count, spec.channels, *spec.image_size, device=device),
        )

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        sureness, guess = learner.probabilities(logits).float().max(dim=1)
        sureness = torch.where(guess == target, -1.0, sureness.nan_to_num(-1))
        best = sureness.topk(min(self.count, len(sureness))).indices
        seen = (sureness[best], target[best], guess[best], images[best].float())
        self._worst = _surest([torch.cat(pair) for pair in zip(self._worst, seen, strict=True)], self.count)

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        if trainer.world_size > 1:
            self._worst = _surest([_of_all(tensor, trainer.world_size) for tensor in self._worst], self.count)
        if not trainer.is_global_zero:
            return
        sureness, truth, guess, images = (tensor.cpu() for tensor in self._worst)
        found = int((sureness >= 0).sum())
        if not found:
            return
        names = learner.spec.class_names
        captions = [
            ((f"{100 * sure:.0f}% {names[said]}", RED), (names[true], GREEN))
            for sure, true, said in zip(sureness.tolist()[:found], truth.tolist(), guess.tolist(), strict=False)
        ]
        tiles = as_tiles(pixels_of(images[:found], learner.spec))
        title = f"{moment(trainer, split)}: the surest mistakes; said in red, true in green"
        image = draw_tiles(tiles, title, columns=COLUMNS, side=56, captions=captions)
        write_picture(trainer, f"mistakes/{split}", image, step)


def _surest(candidates: list[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    best = candidates[0].topk(count).indices
    sureness, truth, guess, images = (tensor[best] for tensor in candidates)
    return sureness, truth, guess, images


def _of_all(tensor: Tensor, world_size: int) -> Tensor:
    """The tensors of all processes, one behind the other. Lightning's own way warns of a function that it calls."""
    tensor = tensor.contiguous()
    parts = [torch.empty_like(tensor) for _ in range(world_size)]
    torch.distributed.all_gather(parts, tensor)
    return torch.cat(parts)
