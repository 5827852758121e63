"""What is wrong with the jobs of a sweep, each thing said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundup.rundir.overrides import in_words, shown

NAMED = 20  # jobs by name for one problem


def message(
    problems: Mapping[str, Sequence[int]], jobs: Sequence[list[str]], varied: Sequence[str], places: Sequence[str] = ()
) -> str:
    """Every problem with the jobs that have it.

    Args:
        problems: by its words, the numbers of the jobs that have it.
        jobs: the overrides of all jobs.
        varied: the keys that differ between them.
        places: of all jobs in a file; empty where there is none.
    """
    return "\n".join(
        _with_jobs(problem, numbers, jobs, varied) + _with_places(numbers, places)
        for problem, numbers in problems.items()
    )


def _with_places(numbers: Sequence[int], places: Sequence[str]) -> str:
    found = list(dict.fromkeys(filter(None, (places[number] for number in numbers)))) if places else []
    more = f"; and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return f"\n  in {'; '.join(found[:NAMED])}{more}" if found else ""


def _with_jobs(problem: str, numbers: Sequence[int], jobs: Sequence[list[str]], varied: Sequence[str]) -> str:
    if len(numbers) == len(jobs):
        return problem
    values = [shown(overrides, varied) for overrides in jobs]
    in_common = dict(set.intersection(*(set(values[number].items()) for number in numbers)))
    in_common = {key: in_common[key] for key in varied if key in in_common}
    alike = [number for number, value in enumerate(values) if in_common.items() <= value.items()]
    if in_common and alike == list(numbers):
        names = [in_words(in_common)]
    else:
        names = [in_words(values[number]) for number in numbers[:NAMED]]
    more = len(numbers) - NAMED
    rest = f"; and {more} more" if len(names) > 1 and more > 0 else ""
    return f"{problem}\n  {len(numbers)} of {len(jobs)} jobs: {'; '.join(names)}{rest}"
