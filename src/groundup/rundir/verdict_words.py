"""A verdict in plain sentences, and as data."""

from __future__ import annotations

from typing import Any

from groundup.rundir.verdict import Judged, Verdict
from groundup.statistics.comparison import Comparison, Interval
from groundup.statistics.more_seeds import MOST

SHARES = ("test/acc", "val/acc", "train/acc", "test/acc_tta")  # told in points, of which more is better


def sentence(pair: Judged, verdict: Verdict) -> str:
    """What is settled between two configurations, or what it takes."""
    one, other = verdict.names[pair.first], verdict.names[pair.second]
    found, why = pair.held.comparison, pair.held.why
    if found is None:
        return f"{one} and {other} are not compared: {why}"
    if found.difference < 0:
        one, other = other, one
    if found.over_seeds is None:
        return f"{one} against {other}: {_without_seeds(found, verdict.metric, why)}"
    unknown = "" if found.over_both else f"; of other test images nothing is known: {why}"
    amount = _with_interval(found, found.over_both or found.over_seeds, verdict.metric)
    if not pair.settled:
        outlook = f"{_doubt(pair, found)}; {_outlook(pair, found, verdict.metric)}"
        return f"{one} against {other} is not settled: {amount}{outlook}{unknown}"
    scope = "whatever the seeds and the test images" if found.over_both else "whatever the seeds"
    claim = "is better than" if verdict.metric in SHARES else f"has a higher {verdict.metric} than"
    return f"{one} {claim} {other}: {amount}, {scope}{unknown}"


def _without_seeds(found: Comparison, metric: str, why: str) -> str:
    only = "one seed only" if found.n_seeds == 1 else f"the same difference with all {found.n_seeds} seeds"
    if found.over_images is None:
        return f"{only}: no interval over seeds, and none over the test images: {why}; {_amount(found, metric)}"
    return f"{only}: no interval over seeds; over the test images: {_with_interval(found, found.over_images, metric)}"


def _doubt(pair: Judged, found: Comparison) -> str:
    """Why it is not settled where the interval alone excludes zero; and that two seeds make it wide."""
    low, high = found.over_both or found.over_seeds or (0.0, 0.0)
    if low > 0 or high < 0:
        return (
            f", which is no surprise among {pair.family} pairs"
            if pair.family > 1
            else ", but other images alone may turn it"
        )
    return ", an interval that two seeds make wide" if found.n_seeds == 2 else ""


def _outlook(pair: Judged, found: Comparison, metric: str) -> str:
    more, least = pair.more_seeds, pair.smallest_settled
    if more is not None:
        return f"{more} seed{'s' if more > 1 else ''} more would do if the difference stays"
    if least is not None and abs(found.difference) <= least:
        images = f"{found.n_images:,} test images"
        return f"no number of seeds would do: {images} settle no less than {_in_units(least, metric)}"
    return f"{MOST:,} seeds more would not do"


def _with_interval(found: Comparison, interval: Interval, metric: str) -> str:
    """The difference as the better one's lead."""
    low, high = interval if found.difference >= 0 else (-interval[1], -interval[0])
    return f"{_amount(found, metric)} ({number(low, metric)} to {number(high, metric)})"


def _amount(found: Comparison, metric: str) -> str:
    return _in_units(abs(found.difference), metric)


def _in_units(value: float, metric: str) -> str:
    return f"{number(value, metric)} points" if metric in SHARES else number(value, metric)


def number(value: float, metric: str) -> str:
    """In points of percent, where the metric is a share."""
    return f"{100 * value:.2f}" if metric in SHARES else f"{value:.4f}"


def better(pair: Judged, verdict: Verdict) -> int | None:
    """The place of the better one; None where that is not settled, or whether more is better is not known."""
    return pair.higher if verdict.metric in SHARES else None


def summary(verdict: Verdict) -> str:
    """In two sentences: the first pair, and how many there are of each outcome."""
    first = f"{sentence(verdict.pairs[0], verdict)}."
    return first if len(verdict.pairs) == 1 else f"{first}\n{_counted(verdict)}{_corrected(verdict)}."


def _counted(verdict: Verdict) -> str:
    best = verdict.pairs[0].first
    if any(pair.first != best for pair in verdict.pairs):
        return f"Of {len(verdict.pairs)} pairs {sum(pair.settled for pair in verdict.pairs)} are settled"
    above, below = (
        ("better", "worse")
        if verdict.metric in SHARES
        else (f"a {each} {verdict.metric}" for each in ("higher", "lower"))
    )
    counts = {
        f"{above} than": sum(pair.higher == best for pair in verdict.pairs),
        f"{below} than": sum(pair.higher == pair.second for pair in verdict.pairs),
        "not settled against": sum(pair.higher is None and pair.held.comparison is not None for pair in verdict.pairs),
        "not compared with": sum(pair.held.comparison is None for pair in verdict.pairs),
    }
    words = ", ".join(f"{outcome} {count}" for outcome, count in counts.items() if count)
    return f"{verdict.names[best]}, of the {len(verdict.pairs)} others: {words}"


def _corrected(verdict: Verdict) -> str:
    is_any = any(pair.p_holm is not None for pair in verdict.pairs)
    return f" (Holm's correction over {verdict.family} pairs)" if is_any else ""


def as_data(verdict: Verdict) -> dict[str, Any]:
    """With every digit."""
    return {
        "metric": verdict.metric,
        "picked_by": verdict.picked_by,
        "pairs": verdict.family,
        "text": summary(verdict),
        "comparisons": [_pair_as_data(pair, verdict) for pair in verdict.pairs],
    }


def _pair_as_data(pair: Judged, verdict: Verdict) -> dict[str, Any]:
    found = pair.held.comparison
    return {
        "first": pair.first,
        "second": pair.second,
        "better": better(pair, verdict),
        "sentence": sentence(pair, verdict),
        "seeds": found and found.n_seeds,
        "images": found and found.n_images,
        "difference": found and found.difference,
        "over_seeds": found and found.over_seeds,
        "over_images": found and found.over_images,
        "over_both": found and found.over_both,
        "beats": found and found.beats and found.beats[0],
        "beats_interval": found and found.beats and found.beats[1],
        "p": found and found.p_value,
        "p_holm": pair.p_holm,
        "more_seeds": pair.more_seeds,
        "smallest_settled": pair.smallest_settled,
    }
