"""Which configurations of a part are compared, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from groundup.errors import UserError
from groundup.report.command import ALL_PAIRS
from groundup.report.configurations import Part
from groundup.rundir.evidence import NO_SEED
from groundup.rundir.verdict import BY, Judge, Judged, Verdict, metric_of

Asked = tuple[int, int] | str | None  # two numbers of the table, `ALL_PAIRS`, or the best against all others


def compared(part: Part, asked: Asked, metric: str | None) -> Verdict | None:
    """What the runs of a part settle; None where there are no two configurations to compare.

    Args:
        part: of the report.
        asked: which.
        metric: that they are compared by; accuracy where none is named.

    Raises:
        UserError: two that are named cannot be compared.
    """
    if isinstance(asked, tuple):
        return _pair(part, asked, [metric] if metric else [*dict.fromkeys([*BY, metric_of(part.table)])])
    judge = _judge(part, metric)
    return judge.all_pairs() if asked == ALL_PAIRS else judge.best_against_all()


def _pair(part: Part, numbers: tuple[int, int], metrics: Sequence[str]) -> Verdict | None:
    """Of two that were chosen beforehand there is one pair, and nothing to correct for."""
    places = {entry.number: place for place, entry in enumerate(part.entries)}
    if not {*numbers} <= {*places}:
        return None
    pair = places[numbers[0]], places[numbers[1]]
    verdicts = [_judge(part, metric).judge([pair], 1) for metric in metrics]
    found = next((verdict for verdict in verdicts if verdict.pairs[0].held.comparison), None)
    if found is None:
        said = {verdict.pairs[0].held.why for verdict in verdicts} - {NO_SEED}
        why = said.pop() if said else f"no finished runs of both have a seed and {' or '.join(metrics)} in common"
        raise UserError(f"compare={numbers[0]},{numbers[1]}: {why}")
    return found


def _judge(part: Part, metric: str | None) -> Judge:
    numbered = [pair for entry in part.entries for pair in zip(entry.row.jobs, entry.runs, strict=True)]
    directories = {number: run.path for number, run in numbered}
    return Judge(part.table, directories, [entry.label for entry in part.entries], metric)


def shown_by_seed(verdict: Verdict | None) -> Judged | None:
    """The first pair that is compared, which the report shows seed by seed."""
    return next((pair for pair in verdict.pairs if pair.held.comparison), None) if verdict else None


def refuse_pair(parts: Iterable[Part], pair: tuple[int, int]) -> None:
    """Raises: UserError: no two configurations of one data set have these numbers."""
    asked, parts = f"compare={pair[0]},{pair[1]}", list(parts)
    total = sum(len(part.entries) for part in parts)
    if pair[0] == pair[1] or not all(1 <= number <= total for number in pair):
        raise UserError(f"{asked}: accepted: two numbers of the table, 1 to {total}, or all")
    for part in parts:
        if len({entry.number for entry in part.entries} & set(pair)) == 1:
            raise UserError(f"{asked}: one is on {part.data}, the other is not; accepted: two on one data set")
