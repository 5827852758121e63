"""The trained network of a run, read back for whoever asks it for answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule

from groundup.config.own_code import warn_of_other_code
from groundup.learning.checkpoint import load_checkpoint, spec_in
from groundup.learning.companion import put_checkpoint
from groundup.run.learners import build_predictor
from groundup.run.quiet import quiet
from groundup.run.readback import building_from
from groundup.run.weigh import refuse_heavy_parts
from groundup.rundir.directory import find_checkpoint
from groundup.rundir.identity import refuse_another_network
from groundup.spec import DatasetSpec


@dataclass(frozen=True)
class Saved:
    """A checkpoint of a run: its file, what stands there, and the images that the network was trained on."""

    file: Path
    checkpoint: dict[str, Any]
    spec: DatasetSpec


def read_saved(run_dir: Path, config: Mapping[str, Any], ckpt: str) -> Saved:
    """Reads a checkpoint; nothing is built yet.

    Args:
        run_dir: of the run.
        config: of the run.
        ckpt: `best`, `last` or a path.

    Raises:
        UserError: there is none, it cannot be read, or it is of another network than the config's.
    """
    file = find_checkpoint(run_dir, ckpt)
    checkpoint = load_checkpoint(file)
    refuse_another_network(checkpoint, config, file)
    return Saved(file, checkpoint, spec_in(checkpoint, file))


def build_trained(run_dir: Path, config: Mapping[str, Any], saved: Saved) -> LightningModule:
    """The network of the config with the weights of the checkpoint, in evaluation.

    Raises:
        UserError: it is too heavy, cannot be built, or the weights do not fit.
    """
    with quiet(), building_from(run_dir):
        refuse_heavy_parts(config, saved.spec)
        predictor = build_predictor(config, saved.spec)
    warn_of_other_code(saved.checkpoint, config, saved.file)
    put_checkpoint(predictor, saved.checkpoint, saved.file)
    return predictor.eval()
