"""A verdict in plain sentences, and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundup.rundir.direction import SHARES
from groundup.rundir.verdict import Judged, Verdict
from groundup.statistics.comparison import LEVEL, Comparison, Interval
from groundup.statistics.more_seeds import MOST

_UNCORRECTED = "Not corrected: it holds if the two were chosen before any run was seen, out of"


def sentence(pair: Judged, verdict: Verdict) -> str:
    """What is settled between two configurations, or what it takes."""
    one, other = verdict.names[pair.first], verdict.names[pair.second]
    found, why = pair.held.comparison, pair.held.why
    if found is None:
        return f"{one} and {other} are not compared: {why}{_left_out(pair, verdict)}"
    if found.difference > 0 if verdict.less_is_better else found.difference < 0:
        one, other = other, one
    if found.p_value is None:
        return f"{one} against {other}: {_without_seeds(pair, found, verdict)}{_left_out(pair, verdict)}"
    unknown = "" if found.over_both else f"; of other {_images(verdict)} nothing is known: {why}"
    unknown += _left_out(pair, verdict)
    amount = _with_interval(found, found.over_both or found.over_seeds, verdict)
    if not pair.settled:
        outlook = f"{_doubt(pair, found)}; {_outlook(pair, found, verdict)}"
        return f"{one} against {other} is not settled: {amount}{outlook}{unknown}"
    whatever = "whatever the seeds and the test images" if found.over_both else "whatever the seeds"
    claim = f"has a higher {verdict.metric} than" if verdict.less_is_better is None else "is better than"
    return f"{one} {claim} {other}: {amount}, {whatever}{unknown}"


def _without_seeds(pair: Judged, found: Comparison, verdict: Verdict) -> str:
    one = "one seed in common only" if pair.held.seeds > 1 else "one seed only"
    only = one if found.n_seeds == 1 else f"the same difference with all {found.n_seeds} seeds"
    if found.over_images is None:
        missing = f"no interval over seeds, and none over the test images: {pair.held.why}"
        return f"{only}: {missing}; {_amount(found, verdict)}"
    return f"{only}: no interval over seeds; over the test images: {_with_interval(found, found.over_images, verdict)}"


def _images(verdict: Verdict) -> str:
    return "test images" if verdict.metric.startswith("test") else "images"


def _left_out(pair: Judged, verdict: Verdict) -> str:
    """Runs that are in the table, and not in the comparison."""
    common = f"; of {pair.held.in_common}, which both have" if pair.held.comparison and pair.held.in_common else ""
    count = sum(verdict.without.get(place, 0) for place in (pair.first, pair.second))
    runs = "1 finished run has" if count == 1 else f"{count} finished runs have"
    return common + (f"; {runs} no {verdict.metric} and {'is' if count == 1 else 'are'} left out" if count else "")


def _doubt(pair: Judged, found: Comparison) -> str:
    """Why it is not settled where the interval alone excludes zero; and that two seeds make it wide."""
    low, high = found.over_both or found.over_seeds or (0.0, 0.0)
    if low > 0 or high < 0:
        by_chance = found.p_value is not None and found.p_value <= LEVEL
        return (
            f", which is no surprise among {pair.family} pairs" if by_chance else ", but other images alone may turn it"
        )
    return ", an interval that two seeds make wide" if found.n_seeds == 2 else ""


def _outlook(pair: Judged, found: Comparison, verdict: Verdict) -> str:
    more, least = pair.more_seeds, pair.smallest_settled
    if more is not None:
        return f"{more} seed{'s' if more > 1 else ''} more would do if the difference stays"
    if pair.held.in_common:
        return "the seeds or folds that one of them lacks would say more"
    if least is not None and abs(found.difference) <= least:
        images = f"{found.n_images:,} test images"
        return f"no number of seeds would do: {images} settle no less than {_in_units(least, verdict.metric)}"
    if found.variance_of_seeds is None:
        return "the same difference with all seeds does not say how many more would do"
    return f"{MOST:,} seeds more would not do"


def _with_interval(found: Comparison, interval: Interval | None, verdict: Verdict) -> str:
    """The difference as the lead of the one that is named first."""
    low, high = interval or (found.difference, found.difference)
    low, high = (low, high) if found.difference >= 0 else (-high, -low)
    return f"{_amount(found, verdict)} ({number(low, verdict.metric)} to {number(high, verdict.metric)})"


def _amount(found: Comparison, verdict: Verdict) -> str:
    amount = _in_units(abs(found.difference), verdict.metric)
    return f"{verdict.metric} lower by {amount}" if verdict.less_is_better else amount


def _in_units(value: float, metric: str) -> str:
    return f"{number(value, metric)} points" if metric in SHARES else number(value, metric)


def number(value: float, metric: str) -> str:
    """In points of percent, where the metric is a share."""
    if metric in SHARES:
        return f"{100 * value:.2f}"
    return f"{value:.4f}" if abs(value) >= 0.001 or not value else f"{value:.2g}"


def summary(verdict: Verdict) -> str:
    """In two sentences: the first pair, and how many there are of each outcome."""
    first = f"{sentence(verdict.pairs[0], verdict)}."
    if len(verdict.pairs) > 1:
        return f"{first}\n{_counted(verdict)}{_corrected(verdict)}."
    return f"{first}\n{_UNCORRECTED} {verdict.possible} pairs." if verdict.family < verdict.possible else first


def _counted(verdict: Verdict) -> str:
    best = verdict.pairs[0].first
    if any(pair.first != best for pair in verdict.pairs):
        settled = [pair for pair in verdict.pairs if pair.settled]
        return f"Of {len(verdict.pairs)} pairs {len(settled)} are settled{_over_seeds_alone(settled, verdict)}"
    higher, lower = (f"a {each} {verdict.metric} than" for each in ("higher", "lower"))
    above, below = (higher, lower) if verdict.less_is_better is None else ("better than", "worse than")
    winners = [pair.higher if verdict.less_is_better is None else verdict.better(pair) for pair in verdict.pairs]
    won = list(zip(verdict.pairs, winners, strict=True))
    outcomes = {
        above: [pair for pair, winner in won if winner == best],
        below: [pair for pair, winner in won if winner not in (None, best)],
        "not settled against": [pair for pair in verdict.pairs if not pair.settled and pair.held.comparison],
        "not compared with": [pair for pair in verdict.pairs if pair.held.comparison is None],
    }
    words = ", ".join(
        f"{outcome} {len(pairs)}{_over_seeds_alone(pairs, verdict)}{_reasons(pairs)}"
        for outcome, pairs in outcomes.items()
        if pairs
    )
    return f"{verdict.names[best]}, of the {len(verdict.pairs)} others: {words}"


def _over_seeds_alone(pairs: Sequence[Judged], verdict: Verdict) -> str:
    """Of how many of these nothing is known of other images: less is known of them than of the others."""
    alone = sum(scope(pair) == "seeds" for pair in pairs)
    count = f"{alone} " if alone < len(pairs) else ""
    return f" ({count}over seeds alone: of other {_images(verdict)} nothing is known)" if alone else ""


def _reasons(pairs: Sequence[Judged]) -> str:
    """Why none of them is compared; the first of many reasons."""
    reasons = list(dict.fromkeys(pair.held.why for pair in pairs if pair.held.comparison is None))
    return f" ({reasons[0]}{'; and other reasons' if len(reasons) > 1 else ''})" if reasons else ""


def scope(pair: Judged) -> str | None:
    """What a settled difference holds for: `seeds and images`, or `seeds` where nothing is known of other images."""
    if not pair.settled or pair.held.comparison is None:
        return None
    return "seeds and images" if pair.held.comparison.over_both else "seeds"


def _corrected(verdict: Verdict) -> str:
    is_any = any(pair.p_holm is not None for pair in verdict.pairs)
    return f" (Holm's correction over {verdict.family} pairs)" if is_any else ""


def as_data(verdict: Verdict) -> dict[str, Any]:
    """With every digit."""
    return {
        "metric": verdict.metric,
        "less_is_better": verdict.less_is_better,
        "picked_by": verdict.picked_by,
        "pairs": verdict.family,
        "text": summary(verdict),
        "comparisons": [_pair_as_data(pair, verdict) for pair in verdict.pairs],
    }


def _pair_as_data(pair: Judged, verdict: Verdict) -> dict[str, Any]:
    found, beats = pair.held.comparison, verdict.beats(pair)
    return {
        "first": pair.first,
        "second": pair.second,
        "better": verdict.better(pair),
        "scope": scope(pair),
        "sentence": sentence(pair, verdict),
        "seeds": found and found.n_seeds,
        "images": found and found.n_images,
        "in_common": pair.held.in_common or None,
        "difference": found and found.difference,
        "over_seeds": found and found.over_seeds,
        "over_images": found and found.over_images,
        "over_both": found and found.over_both,
        "beats": beats and beats[0],
        "beats_interval": beats and beats[1],
        "p": found and found.p_value,
        "p_holm": pair.p_holm,
        "more_seeds": pair.more_seeds,
        "smallest_settled": pair.smallest_settled,
    }
