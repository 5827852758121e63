"""The table, from files written by hand."""

from __future__ import annotations

import csv
import json
import re

import pytest

from groundup.rundir import costs
from groundup.rundir.figure import Figure
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.rendering import as_json, as_markdown, as_text, csv_rows, write_table
from groundup.rundir.table import make_table


def job(number, *overrides):
    return FrozenJob(number, ["data=mnist", *overrides], {})


def finish(sweep_dir, number, status="finished", **figures):
    folder = sweep_dir / str(number)
    folder.mkdir()
    results = {name.replace("_", "/", 1) if name != "train_seconds" else name: v for name, v in figures.items()}
    (folder / "results.json").write_text(json.dumps({"status": status, **results}))


@pytest.fixture
def jobs(tmp_path):
    """Two configurations of three seeds; of the second one, one failed and one was killed."""
    finish(tmp_path, 0, val_acc=0.80, test_acc=0.99, test_loss=0.1, train_seconds=1.0, parameters=10)
    finish(tmp_path, 1, val_acc=0.82, test_acc=0.98, test_loss=0.2, train_seconds=2.0, parameters=10)
    finish(tmp_path, 2, val_acc=0.87, test_acc=0.97, test_loss=0.3, train_seconds=12.0, parameters=10)
    finish(tmp_path, 3, val_acc=0.90, test_acc=0.90, test_loss=0.4, train_seconds=3.0, parameters=1000)
    finish(tmp_path, 4, status="failed", error="out of | memory\non the GPU", val_acc=0.99)
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "config.yaml").touch()
    return [
        job(3 * i + seed, f"optimizer.lr={lr}", f"seed={seed}")
        for i, lr in enumerate(("1e-1", "0.20"))
        for seed in range(3)
    ]


def test_the_best_on_validation_comes_first_not_the_best_on_test(tmp_path, jobs):
    table = make_table(tmp_path, jobs)
    assert [row.values for row in table.configurations] == [{"optimizer.lr": "0.20"}, {"optimizer.lr": "1e-1"}]
    assert table.sorted_by == "val/acc"
    assert table.note == ""


def test_a_trial_that_a_search_makes_twice_is_no_further_seed(tmp_path):
    """Of three seeds, one of them trained three times, mean and deviation are those of three figures."""
    seeds, figures = (0, 1, 1, 1, 2), (0.90, 0.80, 0.80, 0.80, 0.97)
    for number, figure in enumerate(figures):
        finish(tmp_path, number, val_acc=figure, test_acc=figure)
    repeated = [FrozenJob(n, ["optimizer.lr=1", f"seed={seed}"], {"seed": seed}) for n, seed in enumerate(seeds)]
    table = make_table(tmp_path, repeated)
    [row] = table.configurations
    assert row.figures["test/acc"] == Figure.of([0.90, 0.80, 0.97])
    assert (row.jobs, row.finished) == ([0, 1, 2, 3, 4], 3)
    assert "no further seeds" in table.note
    without = make_table(tmp_path, [FrozenJob(n, ["optimizer.lr=1"], {}) for n in range(5)])  # seeds are not known
    assert without.configurations[0].figures["test/acc"].n == 5
    assert without.note == ""


def test_rows_without_any_accuracy_say_by_what_they_are_ordered(tmp_path):
    for number in range(2):
        finish(tmp_path, number, val_acc=None, test_acc=None, test_loss=0.1)
    table = make_table(tmp_path, [job(0, "optimizer.lr=1"), job(1, "optimizer.lr=2")])
    assert "in the order of the jobs" in table.note
    assert [row.jobs for row in table.configurations] == [[0], [1]]


@pytest.mark.parametrize(("mode", "first"), [("min", "2"), ("max", "1")])
def test_modules_with_names_of_their_own_are_ranked_by_what_chose_their_checkpoints(tmp_path, mode, first):
    config = {"callbacks": {"checkpoints": {"monitor": "valid_loss", "mode": mode}}}
    jobs = [FrozenJob(number, [f"optimizer.lr={number + 1}"], config) for number in range(2)]
    for job, loss in zip(jobs, (0.4, 0.3), strict=True):
        folder = tmp_path / str(job.number)
        folder.mkdir()
        results = {"status": "finished", "valid_loss": loss, "test_acc": 1 - loss, "val/acc": None, "test/acc": loss}
        (folder / "results.json").write_text(json.dumps(results))
    table = make_table(tmp_path, jobs)
    assert (table.sorted_by, table.note) == ("valid_loss", "")
    assert table.configurations[0].values == {"optimizer.lr": first}
    assert table.figures == ["test/acc", "valid_loss", "test_acc"]
    write_table(tmp_path, table)
    [header, *_] = csv.reader((tmp_path / "sweep.csv").open())
    assert header[-4:] == ["valid_loss", "valid_loss sd", "test_acc", "test_acc sd"]


def test_figures_of_jobs_that_did_not_finish_count_for_nothing(tmp_path, jobs):
    best, other = make_table(tmp_path, jobs).configurations
    assert best.figures["val/acc"] == Figure(0.90, None, 1)
    assert (best.finished, best.jobs) == (1, [3, 4, 5])
    assert other.figures["val/acc"] == Figure(pytest.approx(0.83), pytest.approx(0.0013**0.5), 3)


def text(sweep_dir, jobs):
    return as_text(make_table(sweep_dir, jobs))


def cells(line):
    return re.split(" {2,}", line.strip())


def test_what_the_terminal_shows(tmp_path, jobs):
    first, second = ([cells(line) for line in part.splitlines()] for part in text(tmp_path, jobs).split("\n\n"))
    assert first == [
        ["optimizer.lr", "val/acc", "test/acc", "test/loss", "train_seconds", "parameters", "n"],
        ["0.20", "0.9000", "0.9000", "0.4000", "3.00", "1,000", "1 of 3"],
        ["1e-1", "0.8300 ± 0.0361", "0.9800 ± 0.0100", "0.2000 ± 0.1000", "5.00 ± 6.08", "10", "3"],
    ]
    assert second[0] == ["job", "optimizer.lr", "seed", *first[0][1:5], "status", "reason"]  # not data: it did not vary
    assert second[5] == ["4", "0.20", "1", "0.9900", "failed", "out of | memory on the GPU"]
    assert second[6] == ["5", "0.20", "2", "killed", "it left no results"]


def test_the_files_say_the_same(tmp_path, jobs):
    write_table(tmp_path, make_table(tmp_path, jobs))
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    saved = json.loads((tmp_path / "sweep.json").read_text())
    assert [row["optimizer.lr"] for row in rows] == ["0.20", "1e-1"]
    assert float(rows[1]["val/acc"]) == pytest.approx(0.83)
    assert float(rows[1]["val/acc sd"]) == pytest.approx(0.0013**0.5)
    assert (rows[0]["n"], rows[0]["val/acc sd"], rows[0]["parameters"]) == ("1", "", "1000")
    assert saved["configurations"][1]["val/acc"] == {
        "mean": pytest.approx(0.83),
        "sd": pytest.approx(0.0013**0.5),
        "n": 3,
    }
    assert saved["jobs"][4]["reason"] == "out of | memory on the GPU"
    markdown = (tmp_path / "sweep.md").read_text()
    assert "| 0.20 | 0.9000 | 0.9000 | 0.4000 | 3.00 | 1,000 | 1 of 3 |" in markdown
    assert "out of \\| memory on the GPU" in markdown
    assert not list(tmp_path.glob("*.partial"))


def test_without_validation_data_the_order_is_by_test_and_it_says_what_that_means(tmp_path):
    for number, accuracy in enumerate((0.5, 0.7)):
        finish(tmp_path, number, val_acc=None, test_acc=accuracy)
    jobs = [job(0, "optimizer.lr=1"), job(1, "optimizer.lr=2")]
    shown = text(tmp_path, jobs)
    write_table(tmp_path, make_table(tmp_path, jobs))
    assert make_table(tmp_path, jobs).configurations[0].values == {"optimizer.lr": "2"}
    assert "sorted by test/acc, so the first row's figure is the best of several and optimistic" in shown
    assert "optimistic" in (tmp_path / "sweep.md").read_text()
    assert "val/acc" not in shown


def test_configurations_without_validation_data_among_others_come_last_and_it_says_so(tmp_path):
    finish(tmp_path, 0, val_acc=None, test_acc=0.9)
    finish(tmp_path, 1, val_acc=0.5, test_acc=0.5)
    jobs = [job(0, "data.val_fraction=0"), job(1, "data.val_fraction=0.1")]
    table = make_table(tmp_path, jobs)
    assert [row.values["data.val_fraction"] for row in table.configurations] == ["0.1", "0"]
    assert "Without validation data, and so without a rank: the last rows." in as_text(table)


def test_where_no_job_has_figures_the_jobs_alone_are_shown(tmp_path):
    finish(tmp_path, 0, status="failed", error="no space")
    jobs = [job(0, "optimizer.lr=1"), job(1, "optimizer.lr=2")]
    shown = text(tmp_path, jobs)
    assert [cells(line) for line in shown.splitlines()] == [
        ["job", "optimizer.lr", "status", "reason"],
        ["0", "1", "failed", "no space"],
        ["1", "2", "not run"],
    ]
    write_table(tmp_path, make_table(tmp_path, jobs))
    assert (tmp_path / "sweep.md").read_text().startswith("| job |")


def test_of_a_large_sweep_the_terminal_shows_the_best_and_what_did_not_finish(tmp_path):
    for number in range(70):
        finish(tmp_path, number, "failed" if number == 60 else "finished", val_acc=number / 100, test_acc=0.5)
    jobs = [job(number, f"optimizer.lr={number + 1}") for number in range(70)]
    best, more, unfinished, finished = text(tmp_path, jobs).split("\n\n")
    assert [cells(line)[0] for line in best.splitlines()[:3]] == ["optimizer.lr", "70", "69"]
    assert len(best.splitlines()) == 51
    assert more == "20 more configurations: sweep.md"
    assert [cells(line)[0] for line in unfinished.splitlines()] == ["job", "60"]
    assert finished == "69 more jobs: sweep.md"
    write_table(tmp_path, make_table(tmp_path, jobs))
    assert (tmp_path / "sweep.md").read_text().count("\n| ") == 143  # 72 lines a table, but for the first


def test_reasons_are_cut_to_the_width_of_the_terminal(tmp_path):
    finish(tmp_path, 0, status="failed", error="word " * 30)
    finish(tmp_path, 1, val_acc=0.5, test_acc=0.5)
    table = make_table(tmp_path, [job(0, "optimizer.lr=1"), job(1, "optimizer.lr=2")])
    assert max(map(len, as_text(table).splitlines())) > 120
    assert max(map(len, as_text(table, 90).splitlines())) == 90
    assert as_text(table, 40) == as_text(table)  # no room worth it


def test_a_sweep_over_seeds_alone_is_one_row(tmp_path):
    for seed in range(3):
        finish(tmp_path, seed, val_acc=0.5, test_acc=0.1 * seed)
    [row] = make_table(tmp_path, [job(seed, f"seed={seed}") for seed in range(3)]).configurations
    assert row.figures["test/acc"].mean == pytest.approx(0.1)


def test_a_mean_of_fewer_runs_than_have_finished_says_so(tmp_path):
    """A loss that is infinite is no number; the control is an accuracy that all have."""
    for seed in range(3):
        finish(tmp_path, seed, val_acc=0.5, test_acc=0.25)
        file = tmp_path / str(seed) / "results.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"test/loss": 1.0 if seed else None}))
    text = as_text(make_table(tmp_path, [job(seed, f"seed={seed}") for seed in range(3)]))
    assert "1.0000 ± 0.0000 (2 of 3)" in text
    assert "0.2500 ± 0.0000  " in text


def with_costs(sweep_dir, *costs):
    """A job each, of a model of its own."""
    for number, of_job in enumerate(costs):
        folder = sweep_dir / str(number)
        folder.mkdir()
        results = {"status": "finished", "val/acc": 0.5, "test/acc": 0.25, **of_job}
        (folder / "results.json").write_text(json.dumps(results))
    return make_table(sweep_dir, [job(number, f"model={'abc'[number]}") for number in range(len(costs))])


def test_costs_are_shown_where_they_differ_and_say_more_than_the_number_of_parameters(tmp_path):
    small = {"parameters": 1000, "macs": 2_000_000, "size_on_disk": 4000, "peak_memory": 12_345_678}
    table = with_costs(
        tmp_path, small, small | {"parameters": 3000, "macs": 1, "size_on_disk": 12_000, "peak_memory": 9}
    )
    assert table.figures == ["val/acc", "test/acc", "parameters", "macs", "peak_memory"]
    header, first, _ = [cells(line) for line in as_text(table).split("\n\n")[0].splitlines()]
    assert header == ["model", "val/acc", "test/acc", "parameters", "macs", "peak_memory", "n"]
    assert first[3:] == ["1,000", "2,000,000", "12.3 MB", "1"]
    assert as_json(table)["configurations"][0]["size_on_disk"] == {"mean": 4000, "sd": None, "n": 1}
    assert "size_on_disk" in next(iter(csv_rows(table)))


def test_a_size_on_disk_of_numbers_of_other_lengths_is_shown(tmp_path):
    table = with_costs(tmp_path, *({"parameters": 1000, "size_on_disk": size} for size in (4000, 2000)))
    assert table.figures == ["val/acc", "test/acc", "size_on_disk"]


def test_a_terminal_that_is_too_narrow_leaves_out_costs_the_last_first_and_never_accuracies(tmp_path):
    of_one = {"train_seconds": 1.0, "parameters": 1000, "macs": 2000, "peak_memory": 10_000}
    table = with_costs(
        tmp_path, of_one, {name: 20 * value for name, value in of_one.items()} | {"macs": 1, "peak_memory": 9}
    )
    widest = max(map(len, as_text(table).split("\n\n")[0].splitlines()))

    def shown(width):
        return cells(as_text(table, width).splitlines()[0])[3:-1]

    assert shown(widest) == ["train_seconds", "parameters", "macs", "peak_memory"]
    assert shown(widest - 1) == ["train_seconds", "parameters", "macs"]
    assert shown(10) == ["train_seconds"]
    assert "peak_memory" in as_markdown(table)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (940_584, "941 kB"), (999_600, "1 MB"), (2.5e15, "2500 TB")],
)
def test_sizes_are_written_with_three_digits(value, written):
    assert costs.size(value) == written


def of_fold(number, lr, seed, fold, folds=3):
    words = [f"optimizer.lr={lr}", f"data.folds={folds}", f"seed={seed}", f"data.fold={fold}"]
    return FrozenJob(number, words, {"seed": seed, "data": {"folds": folds, "fold": fold}})


def test_folds_are_one_configuration_and_the_table_says_that_they_are_no_seeds(tmp_path):
    pairs = [(seed, fold) for seed in range(2) for fold in range(3)]
    jobs = [of_fold(6 * i + k, lr, *pair) for i, lr in enumerate((0.1, 0.2)) for k, pair in enumerate(pairs)]
    for one in jobs:
        finish(tmp_path, one.number, val_acc=0.5 + one.number / 100, test_acc=0.5)
    table = make_table(tmp_path, jobs)
    assert table.keys == ["optimizer.lr"]
    best, other = table.configurations
    assert (best.jobs, other.jobs) == ([6, 7, 8, 9, 10, 11], [0, 1, 2, 3, 4, 5])
    assert best.figures["val/acc"].mean == pytest.approx(0.585)
    assert best.figures["val/acc"].n == 6
    text = as_text(table)
    assert "6 (3 folds x 2 seeds)" in text
    assert "less independent than those of as many seeds" in text
    write_table(tmp_path, table)
    assert json.loads((tmp_path / "sweep.json").read_text())["configurations"][0]["folds"] == {
        "of": 3,
        "numbers": [0, 1, 2],
        "seeds": [0, 1],
    }


@pytest.mark.parametrize(
    ("pairs", "n"),
    [
        ([(0, 0), (0, 1), (0, 2)], "3 (3 folds x 1 seed)"),
        ([(0, 1), (1, 1)], "2 (1 of 3 folds x 2 seeds)"),
        ([(0, 0), (1, 1)], "2 (2 of 3 folds, 2 seeds)"),
    ],
)
def test_folds_that_are_missing_are_said(tmp_path, pairs, n):
    jobs = [of_fold(number, 0.1, *pair) for number, pair in enumerate(pairs)]
    for one in jobs:
        finish(tmp_path, one.number, val_acc=0.5)
    assert n in as_text(make_table(tmp_path, jobs))


def test_a_table_without_folds_says_nothing_of_them(tmp_path, jobs):
    assert "fold" not in as_text(make_table(tmp_path, jobs))


def test_a_key_that_was_not_given_has_the_value_of_its_config(tmp_path):
    config = {"model": {"name": "mlp", "hidden": [64, 32]}, "optimizer": {"name": "sgd", "lr": 0.05, "decay": None}}
    words = [[], ["optimizer.lr=1e-1", "model.hidden=[8]", "optimizer.decay=0.1", "model=lenet", "odd.key=1"]]
    jobs = [FrozenJob(number, given, config) for number, given in enumerate(words)]
    for number in range(2):
        finish(tmp_path, number, val_acc=0.9 - number / 10)
    table = make_table(tmp_path, jobs)
    assert table.configurations[0].values == {
        "optimizer.lr": "0.05",
        "model.hidden": "[64,32]",
        "optimizer.decay": "null",
        "model": "mlp",
    }
    assert table.configurations[1].values["optimizer.lr"] == "1e-1"
