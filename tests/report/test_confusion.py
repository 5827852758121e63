"""Confusion matrices, added up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from run_files import make_config, make_results, write_run

from groundup.report.confusion import confusion, per_class
from groundup.report.find import find_runs


def runs(path, *results):
    for number, result in enumerate(results):
        write_run(path / str(number), result, make_config(number))
    return find_runs([path]).runs


def test_matrices_are_added_up_over_runs(tmp_path):
    found = confusion(
        runs(tmp_path, make_results(), make_results(1, test__confusion=[[9, 1, 0], [0, 10, 0], [0, 0, 10]]))
    )
    assert found.counts.tolist() == [[19, 1, 0], [2, 18, 0], [0, 1, 19]]
    assert found.classes == ("ant", "bee", "cat")
    assert found.n == 2
    assert found.shares[1].tolist() == [0.1, 0.9, 0.0]
    assert found.mistakes(2) == [("bee", "ant", 2, 0.1), ("ant", "bee", 1, 0.05)]


def test_the_matrix_of_a_perfect_run_has_no_mistakes(tmp_path):
    found = confusion(runs(tmp_path, make_results(test__confusion=[[10, 0, 0], [0, 10, 0], [0, 0, 0]])))
    assert found.mistakes(5) == []
    assert found.shares[2].tolist() == [0, 0, 0]  # a class without images


NO_COUNTS = [None, [], {}, [[1, 2]], "abc", [["a"]], [["3"]], [[1, 2], [3]], [[-1, 0], [0, 1]], [[2.5]], [[True]]]


@pytest.mark.parametrize("matrix", [*NO_COUNTS, [[2**63]], [[10**30]]])
def test_a_matrix_that_is_none_is_left_out(tmp_path, matrix):
    first, second = runs(tmp_path, make_results(test__confusion=matrix), make_results(1))
    assert confusion([first]) is None
    assert confusion([first, second]).n == 1


def test_matrices_of_other_classes_are_not_added(tmp_path):
    other = make_results(1, test__per_class={"dog": 1.0, "emu": 1.0, "fox": 1.0})
    assert confusion(runs(tmp_path, make_results(), other)).n == 1


def test_matrices_of_the_same_classes_in_another_order_are_added_by_name(tmp_path):
    other = make_results(
        1,
        test__per_class={"cat": 0.5, "ant": 0.9, "bee": 1.0},
        test__confusion=[[5, 3, 2], [1, 9, 0], [0, 0, 10]],  # three cats were taken for ants
    )
    found = confusion(runs(tmp_path, make_results(), other))
    assert found.classes == ("ant", "bee", "cat")
    assert found.counts.tolist() == [[10 + 9, 0, 0 + 1], [2, 8 + 10, 0], [3, 1 + 2, 9 + 5]]
    assert found.n == 2
    accuracies = per_class(runs(tmp_path / "again", make_results(), other))
    assert {name: figure.mean for name, figure in accuracies.items()} == pytest.approx(
        {"ant": 0.95, "bee": 0.9, "cat": 0.7}
    )


def test_a_matrix_that_its_names_do_not_fit_keeps_numbers(tmp_path):
    found = confusion(runs(tmp_path, make_results(test__per_class={"ant": 1.0})))
    assert found.classes == ("0", "1", "2")


def test_accuracy_by_class_over_runs(tmp_path):
    second = make_results(1, test__per_class={"ant": 0.5, "bee": 0.6, "cat": None})
    found = per_class(runs(tmp_path, make_results(), second))
    assert [figure.mean for figure in found.values()] == pytest.approx([0.75, 0.7, 0.9])
    assert found["ant"].sd == pytest.approx(np.std([1.0, 0.5], ddof=1))


@pytest.mark.parametrize("damaged", [float("nan"), float("inf"), "0.5", True, [1]])
def test_an_accuracy_of_a_class_that_is_no_number_is_left_out(tmp_path, damaged):
    """The second run has it, and a deviation of a number and NaN would be an error."""
    second = make_results(1, test__per_class={"ant": damaged, "bee": 0.6, "cat": 0.8})
    found = per_class(runs(tmp_path, make_results(), second))
    assert (found["ant"].mean, found["ant"].n) == (1.0, 1)
