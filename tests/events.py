"""Reading back what a run wrote for TensorBoard."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ALL = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}


def read_events(run_dir: Path) -> EventAccumulator:
    """Everything, as TensorBoard itself reads it: what a resumed run hides is not there."""
    return EventAccumulator(str(run_dir), size_guidance=ALL).Reload()


def steps(run_dir: Path) -> dict[str, list[int]]:
    """The steps of every tag: scalars, images, histograms, PR curves and texts."""
    events = read_events(run_dir)
    tags = events.Tags()
    readers = {"scalars": events.Scalars, "images": events.Images, "histograms": events.Histograms}
    readers |= {"tensors": events.Tensors}
    return {tag: [event.step for event in reader(tag)] for kind, reader in readers.items() for tag in tags[kind]}


def scalars(run_dir: Path, tag: str) -> dict[int, float]:
    """Values by step."""
    return {event.step: event.value for event in read_events(run_dir).Scalars(tag)}
