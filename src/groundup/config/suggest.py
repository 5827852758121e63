"""The word that was meant. Imports the standard library alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Names other programs use, too far from ours in spelling to be found by it.
SYNONYMS = {"learning_rate": "lr", "epochs": "max_epochs", "wd": "weight_decay", "gpus": "devices"}


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option most like `word`, by its last dotted part where the whole is not alike; None where none is."""
    options = list(options)
    by_leaf = {option.rpartition(".")[2]: option for option in reversed(options)}
    leaf = word.rpartition(".")[2]
    if SYNONYMS.get(leaf) in by_leaf:
        return by_leaf[SYNONYMS[leaf]]
    if whole := difflib.get_close_matches(word, options, n=1, cutoff=0.7):
        return whole[0]
    alike = difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.65)
    return by_leaf[alike[0]] if alike else None
