"""How a trace shows its numbers: equations, sums and arrays as lines of text."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from groundup.numpy_nets.layer import Array

WIDTH = 110
COLUMNS = 8  # numbers in a line
MOST_WORKED = 16  # numbers of an array whose calculation is written out
MOST_TERMS = 16  # of a sum that is written out
Index = tuple[int, ...]


def number(value: float) -> str:
    """Six significant digits."""
    return f"{float(value) + 0.0:.6g}"  # + 0.0 makes 0 of -0


def factor(value: float) -> str:
    """A number within a product or a difference: a negative one in brackets."""
    shown = number(value)
    return f"({shown})" if shown.startswith("-") else shown


def total(terms: Iterable[tuple[float, ...]], first: float | None = None) -> str:
    """A sum of products; of a long one the beginning and the end."""
    shown = [] if first is None else [number(first)]
    shown += ["·".join(map(factor, numbers)) for numbers in terms]
    left_out = len(shown) - MOST_TERMS
    if left_out > 0:
        shown[MOST_TERMS - 1 : -1] = [f"... {left_out} more ..."]
    return " + ".join(shown) or "0"


def chapter(title: str) -> list[str]:
    """A title, underlined."""
    return [title, "-" * len(title)]


def prose(documented: object) -> list[str]:
    """What the docstring says of the equation: all before "Args:" and its like."""
    paragraphs = []
    for paragraph in (inspect.getdoc(documented) or "").split("\n\n"):
        if paragraph.startswith(("Args:", "Attributes:", "Raises:", "Returns:", "How it is computed")):
            break
        paragraphs.append(textwrap.fill(paragraph.replace("`", ""), WIDTH, initial_indent="  ", subsequent_indent="  "))
    return "\n".join(paragraphs).split("\n")


def calculations(name: str, values: Array, calculation: Callable[[Index], str | None]) -> Iterator[str]:
    """How the first numbers of an array come about; and the array, unless that was all of it."""
    places = list(np.ndindex(values.shape))
    texts = [(at, calculation(at)) for at in places[:MOST_WORKED]]
    for at, text in texts:
        if text is not None:
            shown = number(values[at].item())
            yield from wrapped(f"{name}[{_index(at)}] = " + (shown if text == shown else f"{text} = {shown}"))
    if any(text is None for _, text in texts):
        yield from table(name, values)
    elif len(places) > MOST_WORKED:
        yield from [f"  and so on for the other {len(places) - MOST_WORKED}:", "", *table(name, values)]
    else:
        yield ""


def table(name: str, values: Array) -> Iterator[str]:
    """All numbers, a row a line, or several lines where it is long; in front the place of the line's first number."""
    rows = []
    for row in np.ndindex(values.shape[:-1]):
        for start in range(0, values.shape[-1], COLUMNS):
            rows.append(
                (f"[{_index((*row, start))}]", [number(v) for v in values[row][start : start + COLUMNS].tolist()])
            )
    place = max(len(at) for at, _ in rows)
    width = max(len(v) for _, numbers in rows for v in numbers)
    yield f"  {name} of shape {values.shape}:"
    for at, numbers in rows:
        yield f"    {at:<{place}}  " + "  ".join(v.rjust(width) for v in numbers)
    yield ""


def wrapped(text: str) -> list[str]:
    """An equation on as many lines as it takes, all but the first further in."""
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="      ", break_long_words=False)


def _index(at: Index) -> str:
    return ",".join(map(str, at))
