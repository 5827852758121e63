"""What is borrowed from Optuna is there and does what it is borrowed for."""

from __future__ import annotations

import pytest

optuna = pytest.importorskip("optuna")

SPACE = {"lr": optuna.distributions.FloatDistribution(0.0, 1.0)}


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study()


def test_an_attribute_of_an_earlier_trial_is_written_into_the_study(study):
    from groundup.borrowed.optuna import set_user_attribute

    study.ask(SPACE)
    [trial] = study.get_trials()
    trial.set_user_attr("reason", "of the copy alone")
    assert study.get_trials()[0].user_attrs == {}
    set_user_attribute(study, trial, "reason", "no memory")
    assert study.get_trials()[0].user_attrs == {"reason": "no memory"}


def test_planned_values_are_those_that_were_enqueued(study):
    from groundup.borrowed.optuna import planned_values

    study.enqueue_trial({"lr": 0.25})
    [trial] = study.get_trials()
    assert trial.params == {}  # else it would not have to be borrowed
    assert planned_values(trial) == {"lr": 0.25}
    assert study.ask(SPACE).params == {"lr": 0.25}


def test_a_trial_that_the_sampler_chooses_for_has_no_planned_values(study):
    from groundup.borrowed.optuna import planned_values

    study.ask(SPACE)
    assert planned_values(study.get_trials()[0]) is None
