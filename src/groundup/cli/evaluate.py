"""The metrics of a trained run: `groundup evaluate run=DIR`."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from groundup.command.frame import Command


def evaluate(cfg: DictConfig) -> None:
    # Not at the top: a wrong path is answered before torch is imported.
    from groundup.config.check import check_evaluate

    config = check_evaluate(cfg)

    from groundup.command.tell import tell
    from groundup.run.evaluate import evaluate, write_metrics
    from groundup.rundir.results import as_json

    chosen = {key: value for key, value in config["data"].items() if value is not None}
    run_dir, ckpt = Path(config["run"]), config["ckpt"]
    predictions = Path(config["predictions"]) if config["predictions"] is not None else None
    metrics = evaluate(
        *(run_dir, ckpt, config["accelerator"], chosen, config["draws"], config["trust"]),
        split=config["split"],
        predictions=predictions,
    )
    tell(as_json(metrics))
    if config["out"] is not None:
        write_metrics(metrics, Path(config["out"]))


main = Command("evaluate", evaluate, sweeps=False).run
