"""The front of accuracy against a cost is the one that was planted, picked on validation data, and said in words."""

from __future__ import annotations

import csv
import random

import pytest
from run_files import make_config, make_results, write_run

from groundup.command.place import Place
from groundup.errors import UserError
from groundup.report.command import main
from groundup.report.configurations import parts_of
from groundup.report.find import find_runs
from groundup.report.pareto import front, fronts_of, parse_costs, refuse_costs


@pytest.fixture
def part(tmp_path):
    """Configurations called m0, m1, …, each with what is given for its one run."""

    def make(*runs, device="cpu"):
        for i, results in enumerate(runs):
            found = make_results(**({"device": device} | results))
            write_run(tmp_path / "runs" / f"{i}", found, make_config(model={"name": f"m{i}"}), accuracies=())
        [only] = parts_of(find_runs([tmp_path / "runs"]))
        return only

    return make


def names(points):
    return [point.entry.label for point in points]


PLANTED = (
    {"macs": 100, "val": 0.70, "test": 0.95},  # the cheapest
    {"macs": 200, "val": 0.80, "test": 0.60},
    {"macs": 200, "val": 0.79, "test": 0.99},  # beaten at the same cost, though the best on test images
    {"macs": 300, "val": 0.80, "test": 0.90},  # beaten at the same accuracy
    {"macs": 400, "val": 0.90, "test": 0.70},
    {"macs": 500, "val": 0.85, "test": 0.98},
)


def test_the_planted_front_is_found_and_says_who_beats_the_others(part):
    found = front(part(*PLANTED).ranked, "macs")
    assert names(found.members) == ["m0", "m1", "m4"]
    beaten = {point.entry.label: point.beaten_by.label for point in found.points if point.beaten_by}
    assert beaten == {"m2": "m1", "m3": "m1", "m5": "m4"}


def test_validation_decides_and_by_test_accuracy_it_were_another_front(part):
    with_validation = front(part(*PLANTED).ranked, "macs")
    assert with_validation.metric == "val/acc"
    assert "m2" not in names(with_validation.members)


def test_without_validation_data_the_test_decides(part):
    found = front(part(*({**run, "val": None} for run in PLANTED)).ranked, "macs")
    assert found.metric == "test/acc"
    assert names(found.members) == ["m0", "m2"]


def test_equals_are_on_the_front_together(part):
    found = front(part(*({"macs": macs, "val": 0.5} for macs in (1, 1, 2))).ranked, "macs")
    assert sorted(names(found.members)) == ["m0", "m1"]


def test_it_is_the_front_that_a_walk_from_the_cheapest_finds(part):
    draw = random.Random(0)
    costs = [draw.randrange(1, 30) for _ in range(60)]
    runs = [{"macs": macs, "val": (macs // 2 + draw.randrange(6)) / 20} for macs in costs]
    best, by_walk = -1.0, set()
    for run in sorted(runs, key=lambda run: (run["macs"], -run["val"])):  # only a better one is worth a higher cost
        if run["val"] > best:
            best = run["val"]
            by_walk.add((run["macs"], run["val"]))
    found = front(part(*runs).ranked, "macs")
    assert {(point.cost.mean, point.accuracy.mean) for point in found.members} == by_walk
    assert len(by_walk) > 3


def test_shared_seconds_are_on_no_front_and_keep_nobody_off_it(part):
    runs = [{"train_seconds": 1.0, "val": 0.9, "stacked": 4}, *({"train_seconds": 2.0 + i, "val": 0.8} for i in (0, 1))]
    runs = [run | {"parameters": 10 * (i + 1)} for i, run in enumerate(runs)]
    made = part(*runs)
    assert names(front(made.ranked, "train_seconds").members) == ["m1"]
    assert names(front(made.ranked, "parameters").members) == ["m0"]  # the control: these are its own


def test_seconds_that_all_have_shared_have_no_front_and_it_says_why(part):
    runs = [{"train_seconds": 1.0 + i, "val": 0.9 - i / 10, "stacked": 4, "macs": 10 + i} for i in range(3)]
    made = part(*runs)
    assert [found.cost for found in fronts_of(made, None)] == ["macs"]
    with pytest.raises(UserError, match="an accuracy of its own, as jobs that were trained at once share it, differ"):
        refuse_costs([made], ["train_seconds"], "measure DIR")


def test_fronts_are_those_of_costs_that_differ_or_those_asked_for(part):
    made = part(*({**run, "parameters": 7, "size_on_disk": 28} for run in PLANTED))
    assert [found.cost for found in fronts_of(made, None)] == ["macs"]  # seconds and parameters are the same of all
    assert fronts_of(made, ["none"]) == []
    assert [found.cost for found in fronts_of(made, ["macs", "macs"])] == ["macs"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("mcas", "there is no cost 'mcas'; did you mean macs? Accepted: train_seconds, parameters, macs"),
        ("macs,none", "there is no cost 'none'"),
        ("", "there is no cost ''"),
    ],
)
def test_a_cost_that_is_none_is_refused(asked, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        parse_costs(asked)


def test_a_cost_without_a_front_is_refused_and_it_says_why(part):
    made = part(*PLANTED)  # as of older runs, without a size on disk
    refuse_costs([made], ["macs", "none"], "measure DIR")
    for asked, message in {
        "size_on_disk": "no finished run has it, as of runs of an older version; measure DIR writes it down",
        "image_ms": "no finished run has it, or not all by one measurement; measure DIR measures it, of all runs",
        "peak_memory": "no finished run has it, which is measured on a GPU alone",
        "parameters": "no two configurations with an accuracy differ in it, so there is no front; accepted: macs, or",
    }.items():
        with pytest.raises(UserError, match=message):
            refuse_costs([made], [asked], "measure DIR")


@pytest.fixture
def report(tmp_path, empty_pictures, part):
    """Writes the report of runs with these figures; its page, and the rows of pareto.csv."""
    empty_pictures("png")

    def make(runs, *words):
        part(*runs)
        out = tmp_path / "report"
        assert main([str(tmp_path / "runs"), f"out={out}", *words], Place.of_script(tmp_path / "report.py")) == 0
        rows = list(csv.DictReader((out / "pareto.csv").open())) if (out / "pareto.csv").exists() else []
        return (out / "report.html").read_text(), rows, {path.name for path in out.glob("pareto-*.png")}

    return make


def test_the_page_names_the_front_and_the_file_has_every_configuration(report):
    page, rows, pictures = report(PLANTED)
    assert "On the front, the cheapest first: 6  m0; 3  m1; 1  m4." in page
    assert "Validation accuracy decides" in page
    assert pictures == {"pareto-macs.png"}
    assert {row["configuration"] for row in rows if row["on_front"] == "1"} == {"6", "3", "1"}
    beaten = {row["configuration"]: row["beaten_by"] for row in rows if row["on_front"] == "0"}
    assert beaten == {"5": "3", "4": "3", "2": "1"}
    assert {row["by"] for row in rows} == {"val/acc"}
    assert {(row["mean"], row["val/acc"], row["test/acc"]) for row in rows} >= {("100", "0.7", "0.95")}


def test_both_kinds_of_accuracy_stand_side_by_side_and_the_front_is_drawn_where_it_decides(report):
    page, _, _ = report(PLANTED, "pareto=macs")
    [plot] = [part.partition("</svg>")[0] for part in page.split("<svg")[1:] if "Accuracy against" in part[:300]]
    assert plot.count('id="pareto-macs-front"') == 1
    assert "validation accuracy, which decides" in plot
    assert "test accuracy of the same" in plot


def test_no_front_is_drawn_where_none_is_asked_for(report):
    page, rows, pictures = report(PLANTED, "pareto=none")
    assert "On the front" not in page
    assert (rows, pictures) == ([], set())


def test_it_says_that_seconds_of_different_devices_are_not_alike(report, tmp_path):
    runs = [{"train_seconds": 1.0 + i, "val": 0.5 + i / 10, "device": f"device {i}"} for i in range(2)]
    page, _, _ = report(runs)
    assert "They were trained on different devices, whose seconds are not alike: device 0, device 1." in page
