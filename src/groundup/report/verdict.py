"""The verdict of a part as the rows of tables."""

from __future__ import annotations

from groundup.report.section import Section
from groundup.rundir.direction import SHARES
from groundup.rundir.verdict import Judged, Verdict
from groundup.rundir.verdict_words import number
from groundup.statistics.comparison import Interval

HEADER = ["first", "second", "difference", "over both", "over seeds", "over images", "p", "one run beats", "settled"]


def unit(verdict: Verdict) -> str:
    return " in points" if verdict.metric in SHARES else ""


def is_matrix(section: Section) -> bool:
    """Whether every pair was compared, of more than two configurations."""
    return section.verdict is not None and len({pair.first for pair in section.verdict.pairs}) > 1


def comparison_rows(section: Section) -> tuple[list[str], list[list[str]]]:
    """Header and rows, one a pair."""
    verdict = section.verdict
    return HEADER, [_row(section, verdict, pair) for pair in verdict.pairs] if verdict else []


def _row(section: Section, verdict: Verdict, pair: Judged) -> list[str]:
    found, titles = pair.held.comparison, [section.part.entries[place].title for place in (pair.first, pair.second)]
    if found is None:
        return [*titles, *[""] * (len(HEADER) - 3), f"not compared: {pair.held.why}"]
    intervals = [_ends(each, verdict.metric) for each in (found.over_both, found.over_seeds, found.over_images)]
    p_value = "" if pair.p_holm is None else f"{pair.p_holm:.3f}"
    return [
        *titles,
        _signed(found.difference, verdict.metric),
        *intervals,
        p_value,
        _chance(verdict.beats(pair)),
        _settled(pair),
    ]


def _chance(found: tuple[float, Interval] | None) -> str:
    if found is None:
        return ""
    probability, (low, high) = found
    return f"{probability:.0%} ({low:.0%} to {high:.0%})"


def _settled(pair: Judged) -> str:
    if pair.settled:
        return "yes"
    return f"{pair.more_seeds} more seed{'s' if pair.more_seeds > 1 else ''}" if pair.more_seeds else "no"


def matrix_rows(section: Section) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of all pairs, above its diagonal."""
    verdict = section.verdict
    pairs = {(pair.first, pair.second): pair for pair in verdict.pairs} if verdict else {}
    rows, columns = ([*dict.fromkeys(pair[side] for pair in pairs)] for side in (0, 1))
    titles = [entry.title for entry in section.part.entries]
    cells = [
        [titles[one], *(_cell(pairs.get((one, other)), verdict.metric if verdict else "") for other in columns)]
        for one in rows
    ]
    return ["", *(titles[other] for other in columns)], cells


def _cell(pair: Judged | None, metric: str) -> str:
    found = pair.held.comparison if pair else None
    if pair is None or found is None:
        return "" if pair is None else "not compared"
    interval = found.over_both or found.over_seeds or found.over_images
    return f"{_signed(found.difference, metric)} {_ends(interval, metric)}{' *' if pair.settled else ''}".strip()


def _signed(value: float, metric: str) -> str:
    return f"{'+' if value >= 0 else ''}{number(value, metric)}"


def _ends(interval: Interval | None, metric: str) -> str:
    return f"{number(interval[0], metric)} to {number(interval[1], metric)}" if interval else ""


def pair_rows(found: Judged) -> list[list[str]]:
    """Both configurations, seed by seed."""
    return [
        [str(seed), f"{one:.4f}", f"{other:.4f}", f"{one - other:+.4f}"]
        for seed, (one, other) in found.held.pairs.items()
    ]
