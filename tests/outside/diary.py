"""What the diary of `outsider.loggers` holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NODE = {"_target_": "outsider.loggers.Diary"}


def with_loggers(config: dict[str, Any], **nodes: dict[str, Any]) -> dict[str, Any]:
    """A config with these loggers beside its own."""
    return config | {"logger": config["logger"] | nodes}


def lines(folder: Path) -> list[dict[str, Any]]:
    """Everything, in order."""
    return [json.loads(line) for line in (folder / "diary.jsonl").read_text().splitlines()]


def figures(folder: Path) -> dict[tuple[str, int], float]:
    """Values by name and step, each told once; but for `epoch`, which Lightning tells with every group of them."""
    found = {}
    for line in lines(folder):
        for name, value in line.get("metrics", {}).items():
            if name != "epoch":
                assert (name, line["step"]) not in found
                found[name, line["step"]] = value
    return found


def pictures(folder: Path) -> set[tuple[str, int]]:
    """Names and steps."""
    return {(line["image"], line["step"]) for line in lines(folder) if "image" in line}
