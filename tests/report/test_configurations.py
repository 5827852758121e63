"""Runs are of one configuration where they differ in nothing but the seed."""

from __future__ import annotations

import csv

import pytest
from run_files import make_config, make_results, write_run

from groundup.report.configurations import parts_of
from groundup.report.find import find_runs
from groundup.rundir.jobs import read_jobs
from groundup.rundir.rendering import write_table
from groundup.rundir.table import make_table


def parts(*paths):
    return parts_of(find_runs(paths))


def test_of_a_sweep_the_table_is_the_sweeps_own(tmp_path, make_sweep):
    sweep = make_sweep(tmp_path / "a", (0.1, 0.2, 0.3), (0, 1), lambda rate, seed: rate + seed / 100)
    write_table(sweep, make_table(sweep, read_jobs(sweep)))
    [part] = parts(sweep)
    rows = list(csv.DictReader((sweep / "sweep.csv").open()))
    assert [entry.row.values["optimizer.lr"] for entry in part.entries] == [row["optimizer.lr"] for row in rows]
    assert [entry.figure("test/acc").mean for entry in part.entries] == [float(row["test/acc"]) for row in rows]
    assert [entry.title for entry in part.entries] == ["1  lr=0.3", "2  lr=0.2", "3  lr=0.1"]


def test_runs_started_one_by_one_are_told_apart_by_their_configs(tmp_path):
    for number, (rate, seed) in enumerate([(0.1, 0), (0.1, 1), (0.2, 0)]):
        config = make_config(seed, optimizer={"lr": rate}, data={"root": f"/elsewhere/{number}"})
        write_run(tmp_path / str(number), make_results(seed, overrides=[]), config)  # nothing typed tells them apart
    [part] = parts(tmp_path)
    assert [(entry.row.values, len(entry.runs)) for entry in part.entries] == [
        ({"optimizer.lr": "0.1"}, 2),
        ({"optimizer.lr": "0.2"}, 1),
    ]


def test_what_all_runs_of_a_model_share_goes_without_saying(tmp_path):
    write_run(tmp_path / "a", make_results(), make_config(model={"name": "mlp", "activation": "relu"}))
    write_run(tmp_path / "b", make_results(), make_config(model={"name": "cnn", "activation": "gelu"}))
    [part] = parts(tmp_path)
    assert part.table.keys == ["model"]
    assert [entry.label for entry in part.entries] == ["mlp", "cnn"]


def test_a_setting_that_only_one_of_two_runs_has_tells_them_apart(tmp_path):
    write_run(tmp_path / "a", make_results(), make_config())
    write_run(tmp_path / "b", make_results(), make_config(trainer={"limit_train_batches": 10}))
    [part] = parts(tmp_path)
    assert [entry.row.values for entry in part.entries] == [
        {"trainer.limit_train_batches": "none"},
        {"trainer.limit_train_batches": "10"},
    ]


def test_image_folders_are_told_apart_by_where_they_are(tmp_path):
    for number, root in enumerate(["/photos/cats", "/photos/birds", "/photos/cats"]):
        config = make_config(number, data={"name": "image_folder", "root": root})
        write_run(tmp_path / str(number), make_results(number, data="image_folder"), config)
    found = {part.data: [entry.row.finished for entry in part.entries] for part in parts(tmp_path)}
    assert found == {"image_folder /photos/cats": [2], "image_folder /photos/birds": [1]}


def test_fine_and_coarse_labels_are_different_data(tmp_path):
    for number, labels in enumerate(["fine", "coarse", "fine"]):
        config = make_config(number, data={"name": "cifar100", "labels": labels})
        write_run(tmp_path / str(number), make_results(number, data="cifar100"), config)
    found = {part.data: [entry.row.finished for entry in part.entries] for part in parts(tmp_path)}
    assert found == {"cifar100": [2], "cifar100 coarse": [1]}


def test_runs_of_different_classes_are_not_averaged_nor_ranked_together(tmp_path):
    """The folder has changed between them: nothing but the names of its classes says so."""
    config = {"name": "image_folder", "root": "/photos"}
    for number, names in enumerate(["ant bee cat", "ant bee cow", "cat bee ant", None, "ant bee"]):
        changed = {"test__per_class": dict.fromkeys(names.split(), 0.5)} if names else {"test__per_class": None}
        write_run(tmp_path / str(number), make_results(number, **changed), make_config(number, data=config))
    found = {part.data: [len(entry.runs) for entry in part.entries] for part in parts(tmp_path)}
    assert found == {
        "image_folder /photos (1: 3 classes, cat)": [3],  # in any order, and the run that does not say
        "image_folder /photos (2: 3 classes, cow)": [1],
        "image_folder /photos (3: 2 classes)": [1],
    }


def test_names_of_classes_that_look_the_same_are_the_same(tmp_path):
    for number, name in enumerate(["caf\u00e9", "cafe\u0301"]):
        changed = {"test__per_class": {name: 0.5, "bee": 0.25}}
        write_run(tmp_path / str(number), make_results(number, **changed), make_config(number))
    assert len(parts(tmp_path)) == 1


def test_runs_on_different_data_are_not_ranked_together(tmp_path):
    write_run(tmp_path / "a", make_results(val=0.99), make_config())
    write_run(tmp_path / "b", make_results(val=0.5, data="mnist"), make_config(data={"name": "mnist"}))
    write_run(tmp_path / "c", make_results(val=0.6), make_config(model={"name": "cnn"}))
    first, second = parts(tmp_path)
    assert (first.data, second.data) == ("digits", "mnist")
    assert [entry.number for part in (first, second) for entry in part.entries] == [1, 2, 3]


def test_the_best_on_validation_comes_first_not_the_best_on_test(tmp_path):
    write_run(tmp_path / "a", make_results(test=0.99, val=0.5), make_config())
    write_run(tmp_path / "b", make_results(test=0.5, val=0.99), make_config(model={"name": "cnn"}))
    [part] = parts(tmp_path)
    assert [entry.label for entry in part.entries] == ["cnn", "mlp"]


@pytest.mark.parametrize("value", ["abc", [1], True, None, float("nan"), {"a": 1}])
def test_a_figure_that_is_no_number_counts_for_nothing(tmp_path, value):
    write_run(tmp_path / "a", make_results(test=value), make_config())
    write_run(tmp_path / "b", make_results(seed=1, test=0.5), make_config(seed=1))
    [part] = parts(tmp_path)
    [entry] = part.entries
    assert (entry.figure("test/acc").mean, entry.figure("test/acc").n) == (0.5, 1)


def test_a_run_that_does_not_say_its_data_goes_with_most_of_the_others(tmp_path):
    write_run(tmp_path / "a", make_results(), make_config())
    write_run(tmp_path / "b", {"status": "failed", "error": "refused"})
    [part] = parts(tmp_path)
    assert len(part.runs) == 2
