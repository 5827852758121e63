"""What a study searches: Hydra's own sweep words as distributions of Optuna's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from groundup.errors import UserError
from groundup.sweep.expand import count, is_own, values_of

TAGS = {"log"}
MOST_CHOICES = 10_000


@dataclass(frozen=True)
class Space:
    """The keys that are searched, with their distributions, and the words that hold for every trial."""

    keys: list[str]  # all of the command line, in its order
    fixed: dict[str, str]  # by key, the whole word
    searched: dict[str, BaseDistribution]  # by key as it was typed, `++optimizer.lr` too, which a study knows it by

    def words(self, values: Mapping[str, Any]) -> list[str]:
        """The overrides of a trial with these values."""
        return [self.fixed.get(key) or f"{key}={values[key]}" for key in self.keys]

    @property
    def settings(self) -> list[str]:
        """The keys that are searched, without the signs with which they were typed."""
        return [_bare(key) for key in self.searched]

    @property
    def scales(self) -> dict[str, str]:
        """By key `linear`, `log` or `choices`: how its values are drawn."""
        return {_bare(key): _scale(distribution) for key, distribution in self.searched.items()}

    def corners(self) -> Iterator[dict[str, Any]]:
        """A few trials that have every choice and both ends of every interval in one of them."""
        ends = {key: _ends(distribution) for key, distribution in self.searched.items()}
        first = {key: values[0] for key, values in ends.items()}
        yield first
        for key, values in ends.items():
            yield from (first | {key: value} for value in values[1:])

    def grid(self) -> list[dict[str, Any]]:
        """Every combination, the last key varying fastest.

        Raises:
            UserError: an interval has no end of values.
        """
        values = [_listed(key, distribution) for key, distribution in self.searched.items()]
        return [dict(zip(self.searched, combination, strict=True)) for combination in itertools.product(*values)]


def parse_space(words: Sequence[str], loader: ConfigLoader) -> Space:
    """The space of a command line.

    Raises:
        UserError: nothing to search, or a word that is no space.
    """
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
    by_key = {override.get_key_element(): override for override in parsed if not is_own(override.key_or_group)}
    searched = {key: _distribution(override) for key, override in by_key.items() if override.is_sweep_override()}
    if not searched:
        raise UserError("hydra/sweeper=optuna: nothing to search; accepted: a,b, range(1,9), interval(0.1,0.5), …")
    fixed = {key: override.input_line or key for key, override in by_key.items() if key not in searched}
    return Space(list(by_key), fixed, searched)


def _bare(key: str) -> str:
    return key.lstrip("+")


def _distribution(override: Override) -> BaseDistribution:
    value = override.value()
    tags = set(getattr(value, "tags", ()))
    if unknown := sorted(tags - TAGS):
        raise UserError(f"{override.input_line}: tag {unknown[0]}: unknown; accepted: {', '.join(sorted(TAGS))}")
    if isinstance(value, IntervalSweep):
        return _interval(override, value, "log" in tags)
    if tags:
        raise UserError(f"{override.input_line}: tag log is for an interval: tag(log, interval(0.001,1))")
    if isinstance(value, RangeSweep) and not value.shuffle:
        return _range(override, value)
    return CategoricalDistribution(values_of(override))


def _interval(override: Override, value: IntervalSweep, log: bool) -> BaseDistribution:
    low, high = value.start, value.end
    assert low is not None
    assert high is not None
    if low >= high or (log and low <= 0):
        raise UserError(f"{override.input_line}: accepted: an end above the start, and both above 0 for tag log")
    if isinstance(low, int) and isinstance(high, int):  # of int(interval(1,9)): Hydra reads numbers here as floats
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _range(override: Override, value: RangeSweep) -> BaseDistribution:
    start, stop, step = value.start, value.stop, value.step
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step > 0 and start < stop:
        last = start + (stop - start - 1) // step * step
        return IntDistribution(start, last, step=step)
    if (number := count(override)) > MOST_CHOICES:  # before anything is listed
        raise UserError(f"{override.input_line}: {number:,} values; accepted: at most {MOST_CHOICES:,}, or an interval")
    listed = values_of(override)
    if not listed:
        raise UserError(f"{override.input_line}: no value at all")
    return CategoricalDistribution(listed)


def _scale(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return "choices"
    return "log" if getattr(distribution, "log", False) else "linear"


def _ends(distribution: BaseDistribution) -> Sequence[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def _listed(key: str, distribution: BaseDistribution) -> Sequence[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, FloatDistribution):
        raise UserError(f"{key}: an interval has no end of values; hydra.sweeper.sampler=grid accepts lists and ranges")
    assert isinstance(distribution, IntDistribution)
    return range(distribution.low, distribution.high + 1, distribution.step)
