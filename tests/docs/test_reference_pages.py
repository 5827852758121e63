"""docs/reference: the fields of a run's and of a sweep's files are those that are written."""

from __future__ import annotations

import csv
import json
import re
import shutil

import pytest
from launch import small_config, train_here
from pages import DOCS

from groundup.config.options import Study
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.measure import load, measure
from groundup.rundir.jobs import FrozenJob, write_jobs
from groundup.rundir.rendering import write_table
from groundup.rundir.results import STATUSES
from groundup.rundir.table import make_table
from groundup.rundir.verdict import judge_sweep
from groundup.rundir.verdict_words import as_data

RUN, SWEEP = (DOCS / "reference" / f"{name}_directory.md" for name in ("run", "sweep"))
# Of runs that end in another way, or on other machines, than the one that the tests make.
ELSEWHERE = {"normalisation", "error", "reason", "stacked", "kind", "suggested_lr"}


def named(page, heading):
    """What the tables below a heading, down to the next of its level, name in their first cells."""
    level = re.match("#+", heading)[0]
    section = page.read_text().split(f"\n{heading}\n")[1].split(f"\n{level} ")[0]
    rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run that has all figures: several views in the test, a validation."""
    folder = tmp_path_factory.mktemp("reference") / "0"
    train_here(folder, "trainer.max_epochs=1", "data.tta=mirror")
    return folder


@pytest.fixture(scope="module")
def sweep_dir(run_dir):
    """A sweep of that run, and of another that did the same."""
    folder = run_dir.parent
    shutil.copytree(run_dir, folder / "1")
    config = small_config("trainer.max_epochs=1", "data.tta=mirror")
    configs = {name: config | {"model": config["model"] | {"name": name}} for name in ("one", "other")}
    jobs = [FrozenJob(number, [f"model={name}"], configs[name]) for number, name in enumerate(configs)]
    write_jobs(folder, jobs)
    table = make_table(folder, jobs)
    write_table(folder, table, as_data(judge_sweep(folder, table)))
    return folder


def test_results_have_the_fields_of_the_page(run_dir):
    assert set(json.loads((run_dir / "results.json").read_text())) == named(RUN, "## results.json") - ELSEWHERE


def test_statuses_are_those_of_the_page():
    [row] = re.findall(r"^\| `status` \|.*$", RUN.read_text(), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {"status", *STATUSES}


def test_metrics_have_the_columns_of_the_page(run_dir):
    with (run_dir / "metrics.csv").open() as file:
        columns = set(next(csv.reader(file)))
    assert named(RUN, "## metrics.csv") <= columns
    assert columns - named(RUN, "## metrics.csv") == set()


def test_checkpoints_have_the_entries_of_the_page(run_dir):
    entries = load_checkpoint(run_dir / "checkpoints" / "best.ckpt").keys()
    assert named(RUN, "## checkpoints") - {"code", "blocks"} <= set(entries)  # of parts that are not ours, of noprop_dt


def test_the_table_of_a_sweep_has_the_fields_of_the_page(sweep_dir):
    content = json.loads((sweep_dir / "sweep.json").read_text())
    verdict = content["verdict"]
    found = {*content, *content["configurations"][0], *content["jobs"][0], *verdict, *verdict["comparisons"][0]}
    assert found == named(SWEEP, "## sweep.json")


def test_frozen_jobs_have_the_fields_of_the_page(sweep_dir):
    job, _ = [json.loads(line) for line in (sweep_dir / "jobs.jsonl").read_text().splitlines()]
    assert set(job) == named(SWEEP, "## jobs.jsonl")


def test_a_study_has_the_fields_of_the_page():
    assert Study.model_fields.keys() - {"params"} | {"words", "scales"} == named(SWEEP, "## study.json")


def test_a_field_that_is_left_out_of_a_page_is_seen(tmp_path):
    """The control."""
    page = tmp_path / "page.md"
    page.write_text(RUN.read_text().replace("| `steps` |", "| steps |"))
    assert named(RUN, "## results.json") - named(page, "## results.json") == {"steps"}


def test_what_is_measured_has_the_fields_of_the_page(run_dir):
    network = load(run_dir, batch=1)
    [found] = measure([network], batch=1, threads=1, rounds=1)
    assert set(found) == named(RUN, "## costs.json")
