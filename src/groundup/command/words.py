"""Settings that hold for some jobs of a sweep alone, kept from Hydra until each job is composed.

Before a sweep Hydra composes the command without the keys that are swept, with the defaults in their place, and would
refuse `-m model=mlp,numpy_mlp model.hidden_dims=[16]`, because the default model has no such key. It leaves a setting
alone that is written as a sweep of one value, `model.hidden_dims=choice([16])`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SETTING = re.compile(r"~\w|\+{0,2}[\w./@:]+=")
ONE_VALUE = re.compile(r"(\+{0,2}(?!hydra\.|sweep\.)\w+\.[\w.-]+)=(?!null$)([^()=$]+)")
WRAPPED = re.compile(r"([^=]+)=choice\((.*)\)")


def options_first(words: Sequence[str]) -> list[str]:
    """`seed=0,1 -m model=cnn` with its settings at the end, where alone Hydra's parser takes them from both sides."""
    settings = [word for word in words if SETTING.match(word)]
    after = words[words.index(settings[0]) :] if settings else []
    if not any(word.startswith("-") for word in after):
        return list(words)
    return [word for word in words if not SETTING.match(word)] + settings


def hide(word: str) -> str:
    """`model.width=8` as a sweep of one value; a group, a sweep, and what is no setting of a job, as it is."""
    found = ONE_VALUE.fullmatch(word)
    return f"{found[1]}=choice({found[2]})" if found and len(split_values(found[2])) == 1 else word


def show(word: str) -> str:
    """The setting that was hidden."""
    found = WRAPPED.fullmatch(word)
    return f"{found[1]}={found[2]}" if found and len(split_values(found[2])) == 1 else word


def split_values(text: str) -> list[str]:
    """`a,[b,c],'d,e'` at its outer commas."""
    pieces, depth, quote = [""], 0, ""
    for before, char in zip(" " + text, text, strict=False):
        if quote:
            quote = "" if char == quote and before != "\\" else quote
        elif char in "'\"":
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        if char == "," and not quote and not depth:
            pieces.append("")
        else:
            pieces[-1] += char
    return [piece.strip() for piece in pieces]
