"""Seeding what a training step, and inference, draw."""

from __future__ import annotations

import torch
from torch import Generator

from groundup.data.common_random import put_seed
from groundup.seeds import mix_seed

INFERENCE = 1 << 40  # no step of a training comes to it


def seed_generators(seed: int, device: torch.device) -> None:
    """Seeds the common generators, of the CPU and of this device."""
    # the generators themselves: torch.manual_seed looks through every kind of device, each time
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def seed_all(seed: int, device: torch.device) -> None:
    """Seeds NumPy's and Python's generators too: a part of somebody else's may draw from any."""
    put_seed(seed)
    seed_generators(seed, device)


def inference_generator(seed: int, draw: int, device: torch.device) -> Generator:
    """A generator for one evaluation or prediction of a run with this seed; each `draw` has other numbers."""
    return Generator(device).manual_seed(mix_seed(seed, INFERENCE, draw))
