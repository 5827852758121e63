"""`hydra.sweeper.params`: settings of a sweep in a file, as the words that they would be on the command line.

Hydra documents it (Multi-run, "Sweeping via config"): a key with dots, a text in the grammar of the command line, whose
words come after these and win key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.command.grammar import literal
from groundup.errors import UserError

PLACE = "hydra.sweeper.params"
NO_JOBS = ("hydra", "sweep")  # how a sweep is carried out


def words_of(params: Any) -> list[str]:
    """`{"optimizer.lr": "0.1,0.01"}` as `optimizer.lr=0.1,0.01`.

    Raises:
        UserError: a value is no text and no number, or a key is no setting of a job.
    """
    if params is None:
        return []
    if not isinstance(params, Mapping):
        raise UserError(f"{PLACE}={params}: accepted: keys with values, such as optimizer.lr: 0.1,0.01")
    return [literal(f"{key}={_text(str(key), value)}") for key, value in params.items()]


def _text(key: str, value: Any) -> str:
    place = f"{PLACE}.{key}"
    own = key.lstrip("+~").replace("/", ".").partition(".")[0]
    if own in NO_JOBS:
        raise UserError(f"{place}: holds for the whole sweep; write it beside hydra.sweeper, as a key of its own")
    if isinstance(value, Mapping):
        inner = next(iter(value), "KEY")
        raise UserError(f"{place}: nested keys; accepted: one key with dots, such as {key}.{inner}")
    if isinstance(value, list):
        several = ",".join(map(str, value))
        raise UserError(
            f"{place}=[{several}]: a list; accepted: text, {several} for several values, '[{several}]' for one"
        )
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
