"""The network of a trained run for other programs: `groundup export run=DIR to=onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from groundup.command.frame import Command
from groundup.printable import in_columns, printable

if TYPE_CHECKING:  # which takes torch
    from groundup.run.export import Report


def export(cfg: DictConfig) -> None:
    # Not at the top: a wrong path is answered before torch is imported.
    from groundup.config.check import check_export

    config = check_export(cfg)

    from groundup.command.tell import tell
    from groundup.run.export import export

    chosen = {key: value for key, value in config["data"].items() if value is not None}
    made = (config["to"], config["ckpt"], config["int8"], config["threads"])
    tell(_told(export(Path(config["run"]), config["out"], *made, chosen, config["trust"])))


def _told(report: Report) -> str:
    """Where the files are, what they were checked on, and a table of what they cost."""
    of = f"images of the {report.split} split" if report.split else "images of noise"
    lines = [printable(str(file)) for file in report.files]
    lines.append(
        f"the classes of PyTorch for all {report.images:,} {of}; largest difference of a probability "
        f"{report.difference:.2g}"
    )
    if report.changed is not None:
        lines.append(f"int8: another class for {report.changed:,} of them")
    rows = [["", "ms an image", "ms for 64", "MB", f"{report.split or 'noise'}/acc"]]
    for one in report.networks:
        size = "" if one.size is None else f"{one.size / 1e6:.3g}"
        acc = "" if one.acc is None else f"{one.acc:.4f}"
        rows.append([one.name, *(f"{time:.3g}" for time in one.times), size, acc])
    return "\n".join([*lines, "", *in_columns(rows, right=(1, 2, 3, 4))])


main = Command("export", export, sweeps=False).run
