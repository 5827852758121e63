"""Reliability in a report: of the answers that runs have kept; what they have not kept is said."""

from __future__ import annotations

import numpy as np
import pytest
from run_files import make_config, make_results, write_run

from groundup.report.configurations import parts_of
from groundup.report.find import find_runs
from groundup.report.reliability import kept_answers, probability_rows, reliability_picture
from groundup.rundir.predictions import Predictions, write_predictions


def entries(path, number=3, **results):
    for seed in range(number):
        write_run(path / str(seed), make_results(seed, **({"test": None} | results)), make_config(seed))
    [part] = parts_of(find_runs([path]))
    return part.ranked


def keep(run_dir, right=(True, False), confidence=0.75):
    probabilities = np.array([[confidence, 1 - confidence]] * len(right))
    true = np.where(right, 0, 1)
    write_predictions(
        run_dir / "test_predictions.npz", Predictions("d", "test", ("a", "b"), true, 0 * true, probabilities)
    )


def test_answers_are_pooled_over_runs_and_those_without_any_are_counted(tmp_path):
    found = entries(tmp_path)
    keep(tmp_path / "0")
    keep(tmp_path / "1", (True, True))
    kept = kept_answers(found)
    [(_, _, sureness)] = kept.found
    assert sureness.n == 2
    assert sorted(sureness.right) == [False, True, True, True]
    assert sureness.confidence == pytest.approx(0.75)
    assert kept.note == "1 run has kept no probabilities in test_predictions.npz, as older runs, and cannot be shown."
    picture = reliability_picture(kept, "reliability")
    assert kept.note in picture.caption
    assert "mean confidence 0.7500, accuracy 0.7500" in picture.svg


def test_older_runs_have_no_picture_and_it_is_said(tmp_path):
    kept = kept_answers(entries(tmp_path))
    assert reliability_picture(kept, "a") is None
    assert kept.note.startswith("3 runs have kept no probabilities")


def test_a_damaged_file_is_named_and_left_out(tmp_path):
    found = entries(tmp_path, 2)
    keep(tmp_path / "0")
    (tmp_path / "1" / "test_predictions.npz").write_bytes(b"no archive")
    kept = kept_answers(found)
    assert kept.found[0][2].n == 1
    assert "test_predictions.npz: no predictions can be read from it" in kept.note


def test_answers_without_numbers_do_no_harm(tmp_path):
    found = entries(tmp_path, 1)
    keep(tmp_path / "0", confidence=float("nan"))
    assert "mean confidence unknown, accuracy 0.0000" in reliability_picture(kept_answers(found), "a").svg


def test_figures_of_probabilities_have_a_table_where_there_are_any(tmp_path):
    assert probability_rows(entries(tmp_path / "old"))[1] == []
    header, [row] = probability_rows(entries(tmp_path / "new", test__nll=0.25, temperature=1.5))
    assert header == ["", "test/nll", "temperature"]
    assert row[1:] == ["0.2500 ± 0.0000", "1.5000 ± 0.0000"]


def test_predictions_of_another_test_than_the_results_are_not_shown(tmp_path):
    found = entries(tmp_path, test=0.5)
    keep(tmp_path / "0")
    keep(tmp_path / "1", (True, True))
    kept = kept_answers(found)
    assert [sureness.n for _, _, sureness in kept.found] == [1]
    assert "1: its predictions do not come to its test/acc." in kept.note
