"""Draws docs/images/rooms.svg, and writes the tables of docs/design/index.md: python docs/make_rooms.py

The rooms, and which lies above which, are those of the contract "rooms" in pyproject.toml. What a room imports comes
from the code. Only the words are written here, and the way of a run, each step of which must be an import.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import grimp

PROJECT = Path(__file__).resolve().parents[1]
SRC = PROJECT / "src" / "groundup"
PAGE = PROJECT / "docs" / "design" / "index.md"
PICTURE = PROJECT / "docs" / "images" / "rooms.svg"
STONES = "stones"
WORDS = {
    "cli": "the commands",
    "sweep": "many runs",
    "report": "runs read back",
    "notebook": "what notebooks share",
    "command": "from words to a config and an exit code",
    "run": "one run, from a checked config to its results",
    "callbacks": "what is watched while a network learns",
    "loggers": "where curves and pictures are written",
    "noprop": "NoProp: its networks and ways of learning",
    "learning": "how a network learns",
    "config": "what a config may be",
    "data": "images as batches",
    "models": "PyTorch networks",
    "optimizers": "update rules of ours",
    "rundir": "files of a run",
    "numpy_nets": "networks by hand",
    "pictures": "arrays to images",
    "statistics": "what answers and runs say",
    "borrowed": "private library names",
    STONES: "errors, files, options, paths, printable, seeds, signals, spec",
}


class Step(NamedTuple):
    """A step of a run: a module that imports another, and what happens there."""

    importer: str
    imported: str
    says: str


WAY = (
    Step(
        "cli.train",
        "command.frame",
        "The command hands its words to Hydra, which composes a config. A misspelt key is refused.",
    ),
    Step(
        "cli.train",
        "config.check",
        "Every value is checked, and whether model and data fit together. PyTorch is not loaded yet.",
    ),
    Step("cli.train", "run.run", "The run begins."),
    Step("run.recorded", "rundir.plain", "The run directory is made, and `config.yaml` is written into it."),
    Step("run.parts", "data.module", "The images come into memory, and are split into training, validation and test."),
    Step(
        "run.learners",
        "learning.classifier",
        "The network of `models`, `numpy_nets` or `noprop` is built and gets its way of learning.",
    ),
    Step(
        "run.parts",
        "callbacks.checkpoints",
        "The Trainer of Lightning trains. Callbacks write checkpoints and `metrics.csv`.",
    ),
    Step("run.loggers", "loggers.keeper", "Curves and pictures go to TensorBoard, or to another logger."),
    Step("run.recorded", "rundir.results", "The best checkpoint is tested once, and `results.json` is written."),
    Step("report.runs", "rundir.state", "Later a report reads the directory back. It needs no PyTorch."),
)


# What the code says


def rows(pyproject: str) -> list[list[str]]:
    """The rooms from the top down, those side by side in one row; the stones are one."""
    [contract] = [
        each for each in tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"] if each["id"] == "rooms"
    ]
    found = [re.split(r" [|:] ", layer) for layer in contract["layers"] if layer != "__main__"]
    return [*found[:-1], [STONES]]


def stones(pyproject: str) -> set[str]:
    [contract] = [
        each for each in tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"] if each["id"] == "rooms"
    ]
    return set(contract["layers"][-1].split(" : "))


def imports() -> set[tuple[str, str]]:
    """Pairs of modules below `groundup`, of which the first imports the second."""
    graph = grimp.build_graph("groundup", exclude_type_checking_imports=True, cache_dir=None)
    pairs = ((each, other) for each in graph.modules for other in graph.find_modules_directly_imported_by(each))
    inner = {(a.removeprefix("groundup."), b.removeprefix("groundup.")) for a, b in pairs if "." in a and "." in b}
    return {(a, b) for a, b in inner if a != "__main__"}


def folders() -> set[str]:
    """The rooms that there are, and the stones."""
    return {file.parent.name for file in SRC.glob("*/__init__.py")} | {STONES}


def between_rooms(pairs: Iterable[tuple[str, str]], there: set[str], of_stone: set[str]) -> dict[str, set[str]]:
    """Which rooms each room imports."""
    found: dict[str, set[str]] = {room: set() for room in there}
    for pair in pairs:
        room, other = (STONES if name in of_stone else name for name in (module.split(".")[0] for module in pair))
        if room != other:
            found[room].add(other)
    return found


def refuse(layers: Sequence[Sequence[str]], known: Mapping[str, set[str]], pairs: set[tuple[str, str]]) -> None:
    """Holds the picture against the code.

    Raises:
        ValueError: a room that only one of them has, an arrow that runs up, or a step that is no import.
    """
    height = {room: -row for row, rooms in enumerate(layers) for room in rooms}
    others = {other for found in known.values() for other in found} | known.keys()
    if height.keys() != others or height.keys() != WORDS.keys():
        raise ValueError(
            f"rooms that not all have: {sorted((height.keys() ^ others) | (height.keys() ^ WORDS.keys()))}"
        )
    up = [(room, other) for room, found in known.items() for other in found if height[other] >= height[room]]
    if up:
        raise ValueError(f"imports that run up: {sorted(up)}")
    missing = [step for step in WAY if (step.importer, step.imported) not in pairs]
    if missing:
        raise ValueError(f"steps that are no imports: {[(step.importer, step.imported) for step in missing]}")


# The picture

WIDTH, HEIGHT, GAP, EDGE, TOP = 680, 46, 24, 54, 20
STYLE = """
    .paper { fill: #ffffff; stroke: #d0d7de }
    .room { fill: #f3f5f8; stroke: #8c959f }
    .door { fill: #ffffff; stroke: #8c959f; stroke-dasharray: 4 3 }
    .name { fill: #1f2328; font: 600 15px ui-monospace, Menlo, Consolas, monospace }
    .words { fill: #57606a; font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
    .way { fill: none; stroke: #0969da; stroke-width: 1.8 }
    .head, .badge { fill: #0969da }
    .number { fill: #ffffff; font: 600 11px system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14171c; stroke: #3d444d }
      .room { fill: #212830; stroke: #656c76 }
      .door { fill: #14171c; stroke: #656c76 }
      .name { fill: #f0f6fc }
      .words { fill: #b1bac4 }
      .way { stroke: #4493f8 }
      .head, .badge { fill: #1f6feb }
    }"""


class Box(NamedTuple):
    """Where a room stands."""

    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def boxes(layers: Sequence[Sequence[str]]) -> dict[str, Box]:
    """A row of the picture for each row of rooms, below that of the doors."""
    found = {}
    for row, rooms in enumerate(layers, 1):
        width = (WIDTH - 2 * EDGE - GAP / 2 * (len(rooms) - 1)) / len(rooms)
        for i, room in enumerate(rooms):
            found[room] = Box(EDGE + i * (width + GAP / 2), TOP + row * (HEIGHT + GAP), width)
    return found


def picture(layers: Sequence[Sequence[str]]) -> str:
    """An SVG that needs nothing else."""
    found = boxes(layers)
    height = TOP + (len(layers) + 1) * (HEIGHT + GAP) - GAP + TOP
    parts = [f'<rect class="paper" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="8"/>']
    parts += _box(
        "door",
        Box(EDGE, TOP, WIDTH - 2 * EDGE),
        "train.py evaluate.py predict.py export.py report.py",
        "or groundup, installed",
    )
    parts += _ways(found)
    for room, box in found.items():
        parts += _box("room", box, room, WORDS[room])
    parts += _badges(found)
    title = "The rooms of the package, each on those that it imports, and the ten steps of a run through them"
    body = "\n".join(f"  {part}" for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{title}">\n'
        f"  <title>{title}</title>\n  <style>{STYLE}\n  </style>\n{body}\n</svg>\n"
    )


def _box(kind: str, box: Box, name: str, words: str) -> Iterator[str]:
    yield f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{HEIGHT}" rx="6"/>'
    yield f'<text class="name" x="{box.middle:g}" y="{box.y + 20:g}" text-anchor="middle">{escape(name)}</text>'
    yield f'<text class="words" x="{box.middle:g}" y="{box.y + 37:g}" text-anchor="middle">{escape(words)}</text>'


def _ways(found: Mapping[str, Box]) -> Iterator[str]:
    """From the command down on the right, from the run down on the left; into each room from above."""
    yield from _arrow(WIDTH / 2, TOP + HEIGHT, found["cli"])
    for room, side in (("cli", WIDTH - EDGE / 2), ("run", EDGE / 2)):
        reached = {step.imported.split(".")[0] for step in WAY if step.importer.startswith(f"{room}.")}
        box = found[room]
        begin = box.x + box.width if side > box.x else box.x
        lowest = max(found[other].y for other in reached) - GAP / 2
        yield f'<path class="way" d="M{begin:g} {box.y + HEIGHT / 2:g} H{side:g} V{lowest:g}"/>'
        for other in sorted(reached):
            to = found[other]
            yield f'<path class="way" d="M{side:g} {to.y - GAP / 2:g} H{to.middle:g}"/>'
            yield from _arrow(to.middle, to.y - GAP / 2, to)


def _arrow(x: float, y: float, box: Box) -> Iterator[str]:
    yield f'<path class="way" d="M{x:g} {y:g} V{box.y - 6:g}"/>'
    yield f'<path class="head" d="M{x - 5:g} {box.y - 8:g} H{x + 5:g} L{x:g} {box.y:g} Z"/>'


def _badges(found: Mapping[str, Box]) -> Iterator[str]:
    """The numbers of the steps, on the edge of the room where they happen."""
    placed: dict[str, int] = {}
    for number, step in enumerate(WAY, 1):
        room = step.importer.split(".")[0] if step.importer.startswith("report.") else step.imported.split(".")[0]
        at = found[room].x + 14 + 21 * placed.setdefault(room, 0)
        placed[room] += 1
        yield f'<circle class="badge" cx="{at:g}" cy="{found[room].y + 2:g}" r="9"/>'
        yield f'<text class="number" x="{at:g}" y="{found[room].y + 6:g}" text-anchor="middle">{number}</text>'


# The page


def way() -> str:
    """The steps, numbered as in the picture."""
    return "\n".join(f"{number}. `{step.imported}`: {step.says}" for number, step in enumerate(WAY, 1))


def table(layers: Sequence[Sequence[str]], known: Mapping[str, set[str]]) -> str:
    """A row for each room, with what it imports, from the top down."""
    order = [room for rooms in layers for room in rooms]
    lines = ["| room | what is there | imports |", "| --- | --- | --- |"]
    for room in order:
        others = ", ".join(f"`{other}`" for other in order if other in known[room] and other != STONES)
        lines.append(f"| `{room}` | {WORDS[room]} | {others or 'no room'} |")
    return "\n".join(lines)


def filled(page: str, layers: Sequence[Sequence[str]], known: Mapping[str, set[str]]) -> str:
    """The page, with what stands between its marks made anew."""
    for name, text in (("way", way()), ("rooms", table(layers, known))):
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
        if not mark.search(page):
            raise ValueError(f"the page has no place for {name}")
        page = mark.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)
    return page


def made() -> tuple[str, str]:
    """The picture and the page, held against the code."""
    pyproject = (PROJECT / "pyproject.toml").read_text()
    layers, pairs = rows(pyproject), imports()
    known = between_rooms(pairs, folders(), stones(pyproject))
    refuse(layers, known, pairs)
    return picture(layers), filled(PAGE.read_text(), layers, known)


if __name__ == "__main__":
    drawing, page = made()
    PICTURE.write_text(drawing)
    PAGE.write_text(page)
