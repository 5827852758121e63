"""Student's t, against the printed table and SciPy."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from groundup.report.student import probability_within, student_t

TABLE = {  # Abramowitz and Stegun, table 26.10: A(t, degrees) = 0.5, 0.9, 0.95, 0.99
    1: (1.000, 6.314, 12.706, 63.657),
    2: (0.816, 2.920, 4.303, 9.925),
    3: (0.765, 2.353, 3.182, 5.841),
    4: (0.741, 2.132, 2.776, 4.604),
    9: (0.703, 1.833, 2.262, 3.250),
    30: (0.683, 1.697, 2.042, 2.750),
    120: (0.677, 1.658, 1.980, 2.617),
}


@pytest.mark.parametrize("degrees", TABLE)
def test_it_is_that_of_the_printed_table(degrees):
    found = tuple(round(student_t(confidence, degrees), 3) for confidence in (0.5, 0.9, 0.95, 0.99))
    assert found == TABLE[degrees]


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 8, 19, 100, 999])
@pytest.mark.parametrize("confidence", [0.001, 0.5, 0.95, 0.999])
def test_it_is_scipys(degrees, confidence):
    expected = stats.t.ppf((1 + confidence) / 2, degrees)
    assert student_t(confidence, degrees) == pytest.approx(expected, rel=1e-11)
    assert student_t(confidence, degrees + 1) != pytest.approx(expected, rel=1e-8)  # the control: the degrees matter


def test_with_one_degree_it_is_cauchys():
    assert probability_within(math.pi / 4, 1) == pytest.approx(0.5)
    assert student_t(0.5, 1) == pytest.approx(1)


@pytest.mark.parametrize(("confidence", "degrees"), [(0, 3), (1, 3), (95, 3), (math.nan, 3), (0.95, 0)])
def test_what_has_no_t_is_refused(confidence, degrees):
    with pytest.raises(ValueError, match=f"degrees={degrees}"):
        student_t(confidence, degrees)
