"""The paired comparison, against SciPy's own and by hand."""

from __future__ import annotations

import math

import pytest
from run_files import make_config, make_results, write_run
from scipy import stats

from groundup.report.compare import compare, paired_interval
from groundup.report.configurations import parts_of
from groundup.report.find import find_runs

FIRST, SECOND = [0.91, 0.93, 0.90, 0.97], [0.90, 0.89, 0.91, 0.92]
DIFFERENCES = [a - b for a, b in zip(FIRST, SECOND, strict=True)]


def entries(path, **by_model):
    for name, accuracies in by_model.items():
        for seed, accuracy in accuracies.items():
            results = make_results(seed, test=accuracy, val=0.9 if name == "mlp" else 0.8)
            write_run(path / name / str(seed), results, make_config(seed, model={"name": name}))
    [part] = parts_of(find_runs([path]))
    return part.entries


def test_the_interval_is_scipys():
    expected = stats.ttest_rel(FIRST, SECOND).confidence_interval(0.95)
    assert paired_interval(DIFFERENCES, 0.95) == pytest.approx((expected.low, expected.high), rel=1e-12)
    other = stats.ttest_ind(FIRST, SECOND).confidence_interval(0.95)  # the control: seeds matter
    assert paired_interval(DIFFERENCES, 0.95) != pytest.approx((other.low, other.high), rel=1e-2)


def test_the_interval_by_hand_from_the_printed_table_of_t():
    # differences 1, 2, 3: mean 2, deviation 1; t(0.975, 2) = 4.303
    assert paired_interval([1.0, 2.0, 3.0], 0.95) == pytest.approx(
        (2 - 4.303 / math.sqrt(3), 2 + 4.303 / math.sqrt(3)), abs=1e-3
    )


@pytest.mark.parametrize("differences", [[], [0.1]])
def test_of_fewer_than_two_seeds_there_is_no_interval(differences):
    assert paired_interval(differences, 0.95) is None


def test_only_seeds_that_both_have_are_compared(tmp_path):
    first, second = entries(tmp_path, mlp={0: 0.9, 1: 0.8, 5: 0.1}, cnn={1: 0.7, 0: 0.85, 7: 0.99})
    found = compare(first, second, "test/acc")
    assert found.pairs == {0: (0.9, 0.85), 1: (0.8, 0.7)}
    assert found.difference.mean == pytest.approx(0.075)
    assert found.difference.n == 2


def test_without_a_seed_in_common_nothing_is_compared(tmp_path):
    first, second = entries(tmp_path, mlp={0: 0.9}, cnn={1: 0.7})
    assert compare(first, second, "test/acc") is None
    assert compare(first, first, "no/such") is None


def test_a_run_that_was_repeated_is_no_further_evidence(tmp_path):
    for name in ("again", "and again"):
        write_run(tmp_path / name, make_results(0, test=0.9), make_config(0))
    first, second = entries(tmp_path, cnn={0: 0.7})
    assert {first.label, second.label} == {"mlp", "cnn"}
    assert compare(first, second, "test/acc").difference.n == 1


def test_the_folds_of_a_seed_are_one_observation_and_each_is_held_against_the_same_fold(tmp_path):
    figures = {  # of (seed, fold): what both come to; one has no second fold of the second seed
        "mlp": {(0, 0): 0.9, (0, 1): 0.8, (1, 0): 0.7, (1, 1): 0.1},
        "cnn": {(0, 0): 0.8, (0, 1): 0.6, (1, 0): 0.6},
    }
    for name, runs in figures.items():
        for (seed, fold), accuracy in runs.items():
            config = make_config(seed, model={"name": name}, data={"folds": 2, "fold": fold})
            results = make_results(seed, test=accuracy, val=0.9 if name == "mlp" else 0.8)
            write_run(tmp_path / name / f"{seed}-{fold}", results, config)
    [part] = parts_of(find_runs([tmp_path]))
    assert [len(entry.runs) for entry in part.entries] == [4, 3]
    found = compare(*part.entries, "test/acc")
    assert found.pairs == {0: (pytest.approx(0.85), pytest.approx(0.7)), 1: (0.7, 0.6)}
    assert found.difference.n == 2
