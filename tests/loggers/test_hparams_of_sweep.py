"""The rows of a sweep in the tab HPARAMS, as TensorBoard's own server puts them together."""

from __future__ import annotations

import json

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.config.sweep_settings import settings_of_sweep
from groundup.loggers.keeper import Ending
from groundup.loggers.tensorboard import TensorBoard, log_hparams
from groundup.run.announce import final_metrics
from groundup.rundir.jobs import FrozenJob
from groundup.sweep.columns import add_to_columns, write_columns, write_columns_of_search

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


def end(run_dir, job, status="finished", log_dir=None, **metrics):
    ending = Ending(status, hyperparameters(job.config), chosen(job.overrides), metrics, 8, run_dir)
    log_hparams(TensorBoard(log_dir or run_dir), ending)


def written(folder, jobs, accuracies, statuses=()):
    folder.mkdir(exist_ok=True)
    write_columns(folder, jobs)
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


def columns_of(experiment):
    return {info.name: info.differs for info in experiment.hparam_infos}


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
    assert columns_of(experiment) == {"model.name": True, "model.dropout": False, "status": False}
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
    (tmp_path / "damaged" / "columns.json").write_text("[")
    end(tmp_path / "damaged" / "0", SWEEP[1], **{"test/acc": 0.5})
    experiment, rows = table(tmp_path)
    assert {"model.hidden", "seed", "status"} <= {info.name for info in experiment.hparam_infos}
    assert rows.keys() == {"one", "damaged/0"}


CORNERS = [([f"model={model}", f"optimizer.lr={rate}"], config(model, rate, 0))
           for model, rate in (("mlp", 0.001), ("lenet", 0.001), ("mlp", 0.1))]  # fmt: skip


def searched(folder, prunes=False, statuses=()):
    """A search whose list of jobs grows with each trial."""
    folder.mkdir()
    write_columns_of_search(folder, CORNERS, prunes)
    trials = [
        FrozenJob(number, [f"model={model}", f"optimizer.lr={rate}"], config(model, rate, 0), f"{number} {model}")
        for number, (model, rate) in enumerate((("mlp", 0.01), ("lenet", 0.02), ("mlp", 0.03)))
    ]
    for number, trial in enumerate(trials):
        add_to_columns(folder, trials[: number + 1])
        end(folder / trial.folder, trial, dict(statuses).get(number, "finished"), **{"val/acc_best": number / 10})
    return trials


def test_the_columns_of_a_search_are_those_that_it_searches_from_its_first_trial_on(tmp_path):
    searched(tmp_path / "s")
    for first in ("0 mlp", "1 lenet", "2 mlp"):  # whichever TensorBoard finds
        experiment, _ = table(tmp_path / "s" / first)
        marked = [info.name for info in experiment.hparam_infos if info.differs]
        assert marked == ["model.name", "optimizer.lr"]
        assert "model.dropout" in columns_of(experiment)  # of both models
        assert "model.hidden" not in columns_of(experiment)  # it is one and the same
        assert [info.name.tag for info in experiment.metric_infos][:2] == ["val/acc_best", "test/acc"]
    assert len(table(tmp_path / "s")[1]) == 3


def test_a_search_that_gives_trials_up_says_so_among_what_varied(tmp_path):
    searched(tmp_path / "s", prunes=True, statuses={2: "pruned"})
    experiment, rows = table(tmp_path / "s")
    assert columns_of(experiment)["status"] is True
    assert rows["2 mlp"].hparams["status"].string_value == "pruned"


def test_an_older_search_without_columns_has_those_of_its_trials(tmp_path):
    trials = searched(tmp_path / "s")
    (tmp_path / "s" / "columns.json").unlink()
    add_to_columns(tmp_path / "s", trials)
    end(tmp_path / "s" / "0 mlp", trials[0], **{"val/acc_best": 0.5})
    experiment, _ = table(tmp_path / "s" / "0 mlp")
    assert columns_of(experiment)["optimizer.lr"] is True


def test_the_row_of_a_job_is_found_from_a_folder_below_its_own(tmp_path):
    folder = tmp_path / "s"
    written(folder, SWEEP, {})
    for number in (0, 1):
        run_dir = folder / SWEEP[number].folder
        end(run_dir, SWEEP[number], log_dir=run_dir / "lightning_logs" / "version_0", **{"test/acc": number})
    experiment, rows = table(folder)
    assert columns_of(experiment)["model.name"] is True
    [row] = rows.values()
    assert figure(row, "test/acc") == 0.5


def test_a_module_that_logs_names_of_its_own_has_columns_of_them(tmp_path):
    folder = tmp_path / "s"
    written(folder, SWEEP, {})
    end(folder / SWEEP[0].folder, SWEEP[0], "pruned", val_f1_best=0.1)  # it was not tested
    end(folder / SWEEP[1].folder, SWEEP[1], val_f1_best=0.5, test_f1=0.4)
    experiment, _ = table(folder)
    assert [info.name.tag for info in experiment.metric_infos] == ["val_f1_best", "test_f1"]
    assert final_metrics({"val/acc": None, "val_f1": 0.5, "test_f1": 0.4, "test/nll": 1.0, "epochs": 3}) == {
        "val_f1_best": 0.5,
        "test_f1": 0.4,
    }


def test_a_job_reads_neither_the_configs_of_the_others_nor_a_damaged_file(tmp_path):
    folder = written(tmp_path / "s", SWEEP, {})
    assert not (folder / "jobs.jsonl").exists()
    assert settings_of_sweep(folder / SWEEP[0].folder).groups.keys() == {job.folder for job in SWEEP}
    whole = json.loads((folder / "columns.json").read_text())
    for damage in ({"kinds": {"a": []}}, {"kinds": {"a": ["dict"]}}, {"varied": [1]}, {"groups": {"0": 1}}, {"x": 1}):
        (folder / "columns.json").write_text(json.dumps(whole | damage))
        assert settings_of_sweep(folder / SWEEP[0].folder) is None
    write_columns(folder, [FrozenJob(0, [], config("mlp", 0.1, [1]))])  # a stranger's: what is there stays
    assert settings_of_sweep(folder / SWEEP[0].folder) is None


def test_a_run_that_is_killed_while_its_row_is_written_again_keeps_the_earlier_one(tmp_path, monkeypatch):
    folder = written(tmp_path / "s", SWEEP, {0: 0.2, 1: 0.4}, {0: "interrupted"})

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("groundup.loggers.tensorboard.write_summary", killed)
    with pytest.raises(KeyboardInterrupt):
        end(folder / SWEEP[0].folder, SWEEP[0], **{"test/acc": 0.6})
    assert SWEEP[0].folder in table(folder)[1]
