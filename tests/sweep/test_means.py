"""The mean curves of configurations, read back as TensorBoard reads them."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest
from events import read_events
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from groundup.report.find import find_runs
from groundup.rundir.jobs import FrozenJob, write_jobs
from groundup.rundir.rendering import write_table
from groundup.rundir.table import make_table
from groundup.sweep.means import write_means

VALUES = {  # val/acc by epoch, of rates and seeds
    ("0.1", 0): [0.1, 0.4, 0.7], ("0.1", 1): [0.3, 0.5, 0.9], ("0.1", 2): [0.2, 0.3],
    ("0.2", 0): [0.5, 0.6, 0.7], ("0.2", 1): [0.4, 0.6, 0.8],
    ("0.3", 0): [0.5, 0.5, 0.5],
}  # fmt: skip


def write_run(run_dir, values, status="finished"):
    run_dir.mkdir(parents=True)
    (run_dir / "events.out.tfevents.1.x").touch()
    results = {"status": status, "val/acc": max(values), "test/acc": max(values) / 2, "parameters": 7}
    (run_dir / "results.json").write_text(json.dumps(results))
    rows = [f"{epoch},{21 * (epoch + 1)},{value},0.1" for epoch, value in enumerate(values)]
    (run_dir / "metrics.csv").write_text("\n".join(["epoch,step,val/acc,lr", *rows]) + "\n")


@pytest.fixture
def swept(tmp_path):
    jobs = [
        FrozenJob(number, [f"optimizer.lr={rate}", f"seed={seed}"], {}, f"{number} lr={rate} seed={seed}")
        for number, (rate, seed) in enumerate(VALUES)
    ]
    write_jobs(tmp_path, jobs)
    for job, values in zip(jobs, VALUES.values(), strict=True):
        write_run(tmp_path / job.folder, values)
    return tmp_path, jobs


def points(folder, tag):
    return {event.step: event.value for event in read_events(folder).Scalars(tag)}


def test_a_curve_is_the_mean_of_metrics_csv_with_a_band_of_one_deviation(swept):
    sweep, jobs = swept
    table = make_table(sweep, jobs)
    write_means(sweep, table)
    values = np.array([VALUES["0.2", 0], VALUES["0.2", 1]])
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    for tag, expected in (("mean/val/acc", mean), ("band/val/acc lower", mean - sd), ("band/val/acc upper", mean + sd)):
        found = points(sweep / "means" / "lr=0.2", tag)
        assert list(found) == [21, 42, 63]
        assert list(found.values()) == pytest.approx(expected, abs=1e-6)
    stopped = points(sweep / "means" / "lr=0.1", "mean/val/acc")  # one of three after two epochs
    assert list(stopped.values()) == pytest.approx([0.2, 0.4], abs=1e-6)


def test_the_last_figures_are_those_of_the_table(swept):
    sweep, jobs = swept
    write_table(sweep, table := make_table(sweep, jobs))
    write_means(sweep, table)
    for row in csv.DictReader((sweep / "sweep.csv").open()):
        if row["n"] == "1":
            continue
        for figure, tag in (("test/acc", "test/acc"), ("val/acc", "val/acc_best")):
            folder = sweep / "means" / f"lr={row['optimizer.lr']}"
            assert points(folder, f"mean/{tag}") == {63: pytest.approx(float(row[figure]), abs=1e-6)}
            upper = float(row[figure]) + float(row[f"{figure} sd"])
            assert points(folder, f"band/{tag} upper") == {63: pytest.approx(upper, abs=1e-6)}


def test_one_job_has_no_deviation_and_so_no_curve(swept):
    sweep, jobs = swept
    write_means(sweep, make_table(sweep, jobs))
    assert {path.name for path in (sweep / "means").iterdir()} == {"lr=0.1", "lr=0.2"}


def test_a_job_that_has_not_finished_is_not_in_the_mean(swept):
    sweep, jobs = swept
    results = sweep / jobs[2].folder / "results.json"
    results.write_text(results.read_text().replace("finished", "failed"))
    write_means(sweep, make_table(sweep, jobs))
    assert points(sweep / "means" / "lr=0.1", "mean/val/acc")[21] == pytest.approx(0.2, abs=1e-6)
    assert points(sweep / "means" / "lr=0.1", "mean/val/acc")[42] == pytest.approx(0.45, abs=1e-6)


def test_curves_of_an_earlier_part_of_the_sweep_are_replaced(swept, monkeypatch):
    sweep, jobs = swept
    write_means(sweep, make_table(sweep, jobs[:4]))
    monkeypatch.setattr("time.time", lambda: 2e9)
    (sweep / "means" / "lr=0.1" / "notes.txt").write_text("mine")
    write_means(sweep, make_table(sweep, jobs[2:]))
    assert [path.name for path in (sweep / "means" / "lr=0.1").iterdir()] == ["notes.txt"]
    assert len(list((sweep / "means" / "lr=0.2").iterdir())) == 1


def test_charts_show_each_metric_with_its_band(swept):
    sweep, jobs = swept
    write_means(sweep, make_table(sweep, jobs))
    [event] = read_events(sweep / "means" / "lr=0.1").Tensors("custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    [chart] = layout.category[0].chart
    [series] = chart.margin.series
    assert (series.value, series.lower, series.upper) == ("mean/val/acc", "band/val/acc lower", "band/val/acc upper")


def test_reports_take_no_means_for_runs(swept):
    sweep, jobs = swept
    write_means(sweep, make_table(sweep, jobs))
    assert len(find_runs([sweep]).runs) == len(VALUES)
    (sweep / "jobs.jsonl").write_text("damaged")
    assert len(find_runs([sweep]).runs) == len(VALUES)


def test_a_sweep_that_writes_nothing_for_tensorboard_has_none(swept):
    sweep, jobs = swept
    for file in sweep.glob("*/events*"):
        file.unlink()
    write_means(sweep, make_table(sweep, jobs))
    assert not (sweep / "means").exists()


def test_links_are_not_followed(swept):
    sweep, jobs = swept
    (sweep / "own").mkdir()
    kept = sweep / "own" / "events.out.tfevents.1.x.means"
    kept.write_text("mine")
    (sweep / "means").mkdir()
    os.symlink(sweep / "own", sweep / "means" / "lr=0.1")
    write_means(sweep, make_table(sweep, jobs))
    assert [path.name for path in (sweep / "own").iterdir()] == [kept.name]
    assert kept.read_text() == "mine"


def test_curves_that_cannot_be_written_take_no_table_away(tmp_path, capsys, monkeypatch):
    from groundup.sweep import outcome

    def fail(*_):
        raise ValueError("a step of 1e300")

    monkeypatch.setattr(outcome, "write_means", fail)
    assert outcome._show_table(tmp_path, [])
    assert (tmp_path / "sweep.json").exists()
    assert "not written: ValueError: a step of 1e300" in capsys.readouterr().out


def test_a_verdict_that_fails_takes_no_table_away(tmp_path, capsys, monkeypatch):
    from groundup.rundir import verdict
    from groundup.sweep import outcome

    def fail(*_):
        raise ValueError("predictions of nothing")

    monkeypatch.setattr(verdict, "judge_sweep", fail)
    assert outcome._show_table(tmp_path, [])
    assert (tmp_path / "sweep.json").exists()
    assert "there is no verdict: ValueError: predictions of nothing" in capsys.readouterr().out


def test_figures_that_a_module_logs_by_names_of_its_own_have_curves(swept):
    sweep, jobs = swept
    for job in jobs:
        for file, old, new in (("metrics.csv", "val/acc", "val_f1"), ("results.json", "test/acc", "test_f1")):
            path = sweep / job.folder / file
            path.write_text(path.read_text().replace(old, new))
    write_means(sweep, make_table(sweep, jobs))
    assert list(points(sweep / "means" / "lr=0.2", "mean/val_f1")) == [21, 42, 63]
    assert list(points(sweep / "means" / "lr=0.2", "mean/test_f1")) == [63]
    tags = read_events(sweep / "means" / "lr=0.2").Tags()["scalars"]
    assert not [tag for tag in tags if tag.split("/", 1)[1] in ("lr", "seconds", "epoch", "step", "parameters")]


def test_event_files_may_lie_in_a_folder_of_lightnings(swept):
    sweep, jobs = swept
    for job in jobs:
        (sweep / job.folder / "lightning_logs" / "version_0").mkdir(parents=True)
        file = sweep / job.folder / "events.out.tfevents.1.x"
        file.rename(sweep / job.folder / "lightning_logs" / "version_0" / file.name)
    write_means(sweep, make_table(sweep, jobs))
    assert {path.name for path in (sweep / "means").iterdir()} == {"lr=0.1", "lr=0.2"}
