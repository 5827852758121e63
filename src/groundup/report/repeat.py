"""What it takes to do it again: commands, versions, devices, commits."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from groundup.paths import home
from groundup.report.runs import Run

NOT_REPEATED = ("seed", "resume", "trust")  # whom to trust is not for a run's directory to say


def commands(runs: Sequence[Run]) -> list[str]:
    """The commands that make these runs, one for all seeds of the same settings; none where they are not known."""
    seeds: dict[tuple[str, ...], dict[int, None]] = {}
    for run in runs:
        if run.overrides is not None:
            words = tuple(word for word in run.overrides if word.lstrip("+").partition("=")[0] not in NOT_REPEATED)
            seeds.setdefault(words, {})
            if run.seed is not None:
                seeds[words][run.seed] = None
    return [_command(words, sorted(same)) for words, same in seeds.items()]


def _command(words: Iterable[str], seeds: Sequence[int]) -> str:
    several = ["-m"] if len(seeds) > 1 else []
    seed = [f"seed={','.join(map(str, seeds))}"] if seeds else []
    train = ["python", "train.py"] if home().project else ["groundup", "train"]
    return shlex.join([*train, *several, *words, *seed])


def environment(runs: Iterable[Run]) -> list[tuple[str, list[tuple[str, int]]]]:
    """What the runs ran on: name, and each value with the number of runs that have it, the most frequent first."""
    counted: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in _surroundings(run):
            counted.setdefault(name, Counter())[value] += 1
    return [(name, values.most_common()) for name, values in counted.items()]


def _surroundings(run: Run) -> Iterable[tuple[str, str]]:
    results = run.state.results
    git, versions = results.get("git"), results.get("versions")
    if results.get("device"):
        yield "device", str(results["device"])
    if isinstance(git, dict):
        yield "git commit", str(git.get("commit")) + (" and uncommitted changes" if git.get("dirty") else "")
    if isinstance(versions, dict):
        yield from ((str(name), str(value)) for name, value in versions.items() if value is not None)
