"""Trains jobs that differ only in numbers at once, and leaves of each what a run alone leaves."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.prune import Judge
from groundup.errors import Interrupted
from groundup.run.allocator import keep_freed_memory
from groundup.run.quiet import quiet
from groundup.run.run import release
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec
from groundup.sweep.stacked.batches import StackedImages
from groundup.sweep.stacked.member import Member
from groundup.sweep.stacked.nets import nets_of
from groundup.sweep.stacked.noted import begin_epoch, count
from groundup.sweep.stacked.optimizer import Joined
from groundup.sweep.stacked.position import BEGINNING, Position

Job = tuple[Mapping[str, Any], Path, Sequence[str]]
REFRESH = 0.2  # seconds between two drawings of the bar


def train_stacked(
    jobs: Sequence[Job], position: Position = BEGINNING, judges: Sequence[Judge] | None = None
) -> list[dict[str, Any] | BaseException]:
    """Trains and tests all jobs of a stack at once. Each gets the run directory that it would have got alone.

    A job that fails, by numbers that are no longer finite, say, leaves the others unharmed.

    Args:
        jobs: of each its checked config, its run directory and what the user typed of it. `groups_of` says which
            configs can be together.
        position: where all of them go on.
        judges: of each, who says after an epoch whether a study gives it up; it then leaves the stack.

    Returns:
        Of each job what its `results.json` holds, or the `UserError` or `RunFailed` that ended it.

    Raises:
        Interrupted: stopped by a signal; every job can be gone on with, to the last bit in a stack.
    """
    keep_freed_memory()
    asked: Sequence[Judge | None] = judges or [None] * len(jobs)
    members = [
        Member(config, run_dir, overrides, len(jobs), position, judge)
        for (config, run_dir, overrides), judge in zip(jobs, asked, strict=True)
    ]
    with quiet(), StopOnSignal() as stop:
        try:
            stack = Stack(members, position)
            stack.begin(stop)
            stack.fit(stop)
            stack.test()
        except BaseException as error:  # of the whole stack, no memory for it, say, or a signal
            for member in members:
                if member.outcome is None:
                    member.end(error)
            if not isinstance(error, Exception):
                raise
        finally:
            release()
    return [member.outcome for member in members if member.outcome is not None]


class Stack:
    """The jobs that train at once, from one position on; `active` are those that have not ended.

    Who has ended leaves at the end of the epoch, and costs nothing from then on.
    """

    def __init__(self, members: Sequence[Member], position: Position = BEGINNING):
        self.members = members
        self.position = position
        self.step = position.step

    @property
    def active(self) -> list[tuple[int, Member]]:
        return [(number, member) for number, member in enumerate(self.members) if member.outcome is None]

    def each(self, action: Callable[[int, Member], object]) -> None:
        """Does something for every active member; one for which that fails has ended, alone."""
        for number, member in self.active:
            try:
                action(number, member)
            except Exception as error:
                member.end(error)

    def begin(self, stop: StopOnSignal) -> None:
        spec: DatasetSpec | None = None

        def begin(number: int, member: Member) -> None:
            nonlocal spec
            member.begin(stop, spec)
            spec = member.parts.spec  # all have the same images, which are looked through once

        self.each(begin)
        self.members = [member for _, member in self.active]  # those that could not begin have no network to stack
        if not self.members:
            return
        trainer = self.members[0].parts.trainer
        trainer.strategy.setup_environment()
        self.images = StackedImages([member.parts.data for member in self.members], self._device)  # type: ignore[misc]
        self._stack_nets()
        self.epochs = trainer.max_epochs or 0
        self.each(lambda _, member: member.start(self.epochs * len(self.images), len(self.images)))
        self.each(lambda _, member: member.look_back())
        self.each(lambda _, member: member.catch_up())  # when all are there whose figures are asked for
        stop.on_train_start(trainer, self.members[0].learner)
        self._part_with_the_ended()

    @property
    def _device(self) -> torch.device:
        return self.members[0].parts.trainer.strategy.root_device

    def _stack_nets(self) -> None:
        self.nets = nets_of([member.learner for member in self.members])
        every = self.members[0].parts.trainer.log_every_n_steps  # type: ignore[attr-defined]
        self.steps = Steps(len(self.members), every, self._device)

    def _part_with_the_ended(self) -> None:
        """Between two epochs: the others compute what they would have computed, see `nets`."""
        staying = [number for number, _ in self.active]
        if staying and len(staying) < len(self.members):
            self.members = [self.members[number] for number in staying]
            self.images.keep(staying)
            self._stack_nets()

    def fit(self, stop: StopOnSignal) -> None:
        """Trains for all epochs.

        Raises:
            Interrupted: by a signal, after every member's checkpoint was written.
        """
        total = self.epochs * len(self.images) if self.active else 0
        shown = {"unit": "step", "leave": False, "mininterval": REFRESH, "disable": not sys.stderr.isatty()}
        with tqdm(total=total, initial=self.step, **shown) as bar:
            for epoch in range(self.position.epoch, self.epochs if self.active else 0):
                bar.set_description(f"{len(self.active)} jobs, epoch {epoch + 1}/{self.epochs}", refresh=False)
                self._train_epoch(epoch, stop, bar)
                self.each(lambda number, member: member.end_epoch(self.images.validation(number)))
                self.each(lambda _, member: member.judge())  # when all have written what they came to
                if stop.signum is not None:
                    raise Interrupted(stop.signum)
                if not self.active:
                    return
                self._part_with_the_ended()

    def _train_epoch(self, epoch: int, stop: StopOnSignal, bar: tqdm) -> None:
        self.steps.reset()
        for _, member in self.active:
            begin_epoch(member.parts.trainer)
            member.begin_epoch(epoch)
        active = [member for _, member in self.active]
        optimizer = join(active)
        done = self.position.batch if epoch == self.position.epoch else 0
        for batch, (x, y) in enumerate(itertools.islice(self.images.epoch(epoch), done, None), done + 1):
            self._train_step(active, optimizer, x, y, batch - 1)
            bar.update()
            is_last = batch == len(self.images)
            if self.steps.full or is_last:
                self._read(batch, log=True)
                if len(self.active) < len(active):
                    active = [member for _, member in self.active]
                    if not active:
                        return
                    optimizer = join(active)
            if stop.signum is not None and not is_last:
                self._read(batch, log=False)
                self.each(lambda _, member: member.save())
                raise Interrupted(stop.signum)

    def _train_step(self, active: Sequence[Member], optimizer: Joined, x: Tensor, y: Tensor, batch: int) -> None:
        for member in active:
            member.learner.set_rate(self.step)
        draws = [0] * len(self.members)
        if self.nets.is_random:
            draws = [mix_seed(member.learner.seed, self.step, batch, 0) for member in self.members]
        losses, logits = self.nets.backward(x, y, draws)
        self.steps.update(losses, logits, y, [member.learner.rate for member in self.members])
        is_logged = self.steps.full or batch + 1 == len(self.images)
        for member in active:
            if is_logged:
                member.measure()
            if clip := member.parts.trainer.gradient_clip_val:
                torch.nn.utils.clip_grad_norm_(member.learner.parameters(), clip)
        optimizer.step()
        self.step += 1

    def _read(self, batch: int, log: bool) -> None:
        """Hands over to every member what the steps since the last time have come to."""
        losses, hits, sizes, rates = self.steps.read()

        def take(number: int, member: Member) -> None:
            count(member.parts.trainer, self.step, batch, len(self.images))
            if sizes:
                mean = member.take(losses[number], sizes, rates[number], hits[number])
                if log:
                    member.learner.log_steps(mean)

        self.each(take)

    def test(self) -> None:
        """Tests all, with the checkpoint that each has chosen."""
        if not self.active:
            return
        self.each(lambda number, member: member.begin_test(self.images.validation(number)))
        for batch in self.images.test():  # batches outside: all members see the same ones
            self.each(lambda _, member: member.see(batch))  # noqa: B023
        self.each(lambda _, member: member.end_test())


def join(members: Sequence[Member]) -> Joined:
    """The optimizers of these members as one."""
    settings = [member.recorded.config["optimizer"] for member in members]
    return Joined([member.optimizer for member in members], settings)


class Steps:
    """Losses and hits of every member, kept on the device until they are read; see `TrainMeter`.

    Args:
        members: their number.
        capacity: steps; `read` must be called at least that often.
        device: of the losses.
    """

    def __init__(self, members: int, capacity: int, device: torch.device):
        self._losses = torch.zeros(members, capacity, device=device)
        self._hits = torch.zeros(members, dtype=torch.int64, device=device)
        self._sizes: list[int] = []
        self._rates: list[list[float]] = []

    @property
    def full(self) -> bool:
        return len(self._sizes) == self._losses.shape[1]

    def reset(self) -> None:
        """A new epoch."""
        self._hits.zero_()

    def update(self, losses: Tensor, logits: Tensor, target: Tensor, rates: list[float]) -> None:
        """Takes in one step: losses `(M,)`, logits `(M, B, K)`, target `(M, B)`, learning rates."""
        self._losses[:, len(self._sizes)] = losses
        self._hits += (logits.argmax(dim=2) == target).sum(dim=1)
        self._sizes.append(target.shape[1])
        self._rates.append(rates)

    def read(self) -> tuple[list[list[float]], list[int], list[int], list[list[float]]]:
        """Losses by member and step, hits of the epoch by member, batch sizes by step, rates by member and step."""
        losses = self._losses[:, : len(self._sizes)].tolist()
        sizes, rates = self._sizes, [list(own) for own in zip(*self._rates, strict=True)]
        self._sizes, self._rates = [], []
        return losses, self._hits.tolist(), sizes, rates
