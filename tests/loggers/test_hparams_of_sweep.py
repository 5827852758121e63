"""The rows of a sweep in the tab HPARAMS, as TensorBoard's own server puts them together."""

from __future__ import annotations

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.loggers.keeper import Ending
from groundup.loggers.tensorboard import TensorBoard, log_hparams
from groundup.rundir.jobs import FrozenJob, write_jobs

STATUSES = [api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE]


def config(model, rate, seed):
    own = {"mlp": {"hidden": 16, "dropout": 0.0}, "lenet": {"width": 6, "dropout": 0.5}}[model]
    groups = {group: {"name": group} for group in ("data", "loss", "scheduler", "trainer")}
    return {"seed": seed, **groups, "model": {"name": model, **own}, "optimizer": {"name": "sgd", "lr": rate}}


def jobs(*settings):
    return [
        FrozenJob(
            number,
            [f"model={model}", f"optimizer.lr={rate}", f"seed={seed}"],
            config(model, rate, seed),
            f"{number} {model} lr={rate} seed={seed}",
        )
        for number, (model, rate, seed) in enumerate(settings)
    ]


SWEEP = jobs(("mlp", 0.1, 0), ("mlp", 0.1, 1), ("lenet", 0.1, 0), ("lenet", 0.1, 1))


def end(run_dir, job, status="finished", **metrics):
    ending = Ending(status, hyperparameters(job.config), chosen(job.overrides), metrics, 8)
    log_hparams(TensorBoard(run_dir), ending)


def written(folder, jobs, accuracies, statuses=()):
    folder.mkdir(exist_ok=True)
    write_jobs(folder, jobs)
    for number, accuracy in accuracies.items():
        metrics = {"test/acc": accuracy, "val/acc_best": accuracy / 2}
        end(folder / jobs[number].folder, jobs[number], dict(statuses).get(number, "finished"), **metrics)
    return folder


def table(folder):
    """Columns and rows, as the server gives them to the page."""
    runs = EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()
    provider = MultiplexerDataProvider(runs, str(folder))
    context = backend_context.Context(TBContext(data_provider=provider, logdir=str(folder)))
    request = api_pb2.ListSessionGroupsRequest(allowed_statuses=STATUSES, slice_size=100)
    rows = list_session_groups.Handler(RequestContext(), context, "", request).run().session_groups
    tags = context.hparams_metadata(RequestContext(), "")
    experiment = context.experiment_from_metadata(RequestContext(), "", True, tags, None)
    return experiment, {row.name: row for row in rows}


def figure(row, tag):
    [found] = [value.value for value in row.metric_values if value.name.tag == tag]
    return found


def test_seeds_of_a_configuration_are_one_row_with_the_mean(tmp_path):
    experiment, rows = table(written(tmp_path / "s", SWEEP, {0: 0.5, 1: 0.7, 2: 0.1, 3: 0.3}))
    assert {name.rpartition(" ")[0] for name in rows} == {"mlp lr=0.1", "lenet lr=0.1"}
    means = {name.split()[0]: figure(row, "test/acc") for name, row in rows.items()}
    assert means == {"mlp": pytest.approx(0.6), "lenet": pytest.approx(0.2)}
    assert all("seed" not in row.hparams for row in rows.values())  # it would be that of one
    names = [info.name.tag for info in experiment.metric_infos]
    assert names[:2] == ["val/acc_best", "test/acc"]


def test_the_columns_are_what_differs_and_what_was_varied_comes_first(tmp_path):
    experiment, _ = table(written(tmp_path / "s", SWEEP, {3: 0.5}))  # of one run that is there, of whatever model
    columns = {info.name: info.differs for info in experiment.hparam_infos}
    assert columns == {"model.name": True, "model.dropout": False}
    alone = jobs(("mlp", 0.1, 0), ("mlp", 0.2, 1))  # one seed each: it tells them apart
    experiment, rows = table(written(tmp_path / "alone", alone, {0: 0.5, 1: 0.6}))
    assert [info.name for info in experiment.hparam_infos if info.differs] == ["optimizer.lr", "seed"]
    assert [row.hparams["seed"].number_value for row in rows.values()] == [0, 1]


def test_a_run_that_has_not_finished_is_in_no_mean(tmp_path):
    _, rows = table(written(tmp_path / "s", SWEEP, {0: 0.5, 1: 0.9}, {1: "failed"}))
    [whole] = [row for name, row in rows.items() if name.startswith("mlp lr=0.1 #")]
    assert figure(whole, "test/acc") == 0.5
    assert figure(rows["1 mlp lr=0.1 seed=1"], "test/acc") == pytest.approx(0.9)
    assert rows["1 mlp lr=0.1 seed=1"].sessions[0].status == api_pb2.STATUS_FAILURE


def test_nothing_doubles_where_a_run_ends_twice(tmp_path):
    folder = written(tmp_path / "s", SWEEP, {0: 0.2, 1: 0.4}, {0: "interrupted"})
    end(folder / SWEEP[0].folder, SWEEP[0], **{"test/acc": 0.6})
    _, rows = table(folder)
    [row] = rows.values()
    assert len(row.sessions) == 2
    assert figure(row, "test/acc") == pytest.approx(0.5)


def test_equal_configurations_of_two_sweeps_are_one_and_others_are_not(tmp_path):
    for sweep, model in (("a", "mlp"), ("b", "mlp"), ("c", "lenet")):
        written(tmp_path / sweep, jobs((model, 0.1, 0), (model, 0.1, 1)), {0: 0.2, 1: 0.4})
    _, rows = table(tmp_path)
    assert sorted(len(row.sessions) for row in rows.values()) == [2, 4]


def test_a_run_of_its_own_is_its_own_row_with_all_columns(tmp_path):
    end(tmp_path / "one", SWEEP[0], **{"test/acc": 0.5})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "jobs.jsonl").write_text("[")
    end(tmp_path / "damaged" / "0", SWEEP[1], **{"test/acc": 0.5})
    experiment, rows = table(tmp_path)
    assert {"model.hidden", "seed", "status"} <= {info.name for info in experiment.hparam_infos}
    assert rows.keys() == {"one", "damaged/0"}
