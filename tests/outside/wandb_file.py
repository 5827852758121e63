"""What W&B has written offline, read from its own file: a log of LevelDB's format, of records as protocol buffers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32768, 7  # bytes; the file itself begins with a header of seven, too
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(folder: Path) -> list[Any]:
    """Of an `offline-run-*` folder."""
    from wandb.proto.wandb_internal_pb2 import Record

    [file] = folder.glob("*.wandb")
    return [Record.FromString(content) for content in _contents(file.read_bytes())]


def _contents(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B"
    at, parts = HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        parts += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (FULL, LAST):
            yield parts
            parts = b""
        assert kind in (FULL, FIRST, MIDDLE, LAST)


def history(folder: Path) -> list[dict[str, Any]]:
    """The rows that were logged, in order."""
    rows = [record.history for record in records(folder) if record.HasField("history")]
    return [{_name(item): json.loads(item.value_json) for item in row.item} for row in rows]


def config(folder: Path) -> dict[str, Any]:
    return _updated(folder, "config")


def summary(folder: Path) -> dict[str, Any]:
    return _updated(folder, "summary")


def _updated(folder: Path, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records(folder):
        if record.HasField(kind):
            found |= {_name(item): json.loads(item.value_json) for item in getattr(record, kind).update}
        if kind == "config" and record.HasField("run"):
            found |= {_name(item): json.loads(item.value_json) for item in record.run.config.update}
    return found


def run_of(folder: Path) -> Any:
    """Its id, its project, its name."""
    return next(record.run for record in records(folder) if record.HasField("run"))


def exit_code(folder: Path) -> int | None:
    codes = [record.exit.exit_code for record in records(folder) if record.HasField("exit")]
    return codes[-1] if codes else None


def _name(item: Any) -> str:
    return item.key or ".".join(item.nested_key)
