"""The page: complete in itself, for every reader, and saying what the files say."""

from __future__ import annotations

import csv
import re
import shlex
from html.parser import HTMLParser

import pytest
from matplotlib.colors import to_rgb
from run_files import make_config, make_results, write_run

from groundup.command.place import Place
from groundup.paths import Home
from groundup.report.command import main
from groundup.report.configurations import parts_of
from groundup.report.find import find_runs
from groundup.report.picture import COLOURS, GRID, INK, MUTED
from groundup.report.repeat import commands, environment


class Page(HTMLParser):
    """Its elements as (name, attributes), and its words."""

    def __init__(self, text):
        super().__init__()
        self.text, self.elements, self.words = text, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_data(self, data):
        self.words += data

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def page(tmp_path, empty_pictures):
    """Writes the report of a directory and reads the page, which has the pictures as SVG."""
    empty_pictures("png")

    def make(path, *words):
        assert main([str(path), f"out={tmp_path}/report", *words], Place.of_script(tmp_path / "report.py")) == 0
        return Page((tmp_path / "report" / "report.html").read_text())

    return make


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, make_sweep):
    """Three learning rates, three seeds, and their report."""
    path = tmp_path_factory.mktemp("sweeps") / "sweep"
    make_sweep(path, (0.1, 0.2, 0.3), (0, 1, 2), lambda rate, seed: 0.5 + rate + seed / 100)
    assert main([str(path)], Place.of_script(path / "report.py")) == 0
    return path


@pytest.fixture(scope="module")
def sweep_page(sweep):
    return Page((sweep / "report" / "report.html").read_text())


def test_it_needs_nothing_else(sweep_page, sweep):
    found = sweep_page
    assert not found.all("script")
    assert not [attributes for _, attributes in found.elements if "src" in attributes]
    names = {link["href"] for link in found.all("a")}
    assert names
    assert names <= {path.name for path in (sweep / "report").iterdir()}
    outside = re.sub(r'xmlns(:\w+)?="[^"]*"', "", found.text)
    assert "://" not in outside
    assert "@import" not in outside


def test_every_plot_has_a_size_and_words_and_every_table_a_caption_and_headers(sweep_page):
    found = sweep_page
    plots = found.all("svg")
    assert len(plots) == 6  # accuracy, curves, classes, three matrices
    assert all(plot["role"] == "img" and len(plot["aria-label"]) > 40 for plot in plots)
    assert all(float(plot["width"][:-2]) > 100 and float(plot["height"][:-2]) > 100 for plot in plots)
    assert len(found.all("caption")) == len(found.all("table"))
    assert all(header.get("scope") in ("row", "col") for header in found.all("th"))
    assert "1  lr=0.3: test 0.8100" in next(plot["aria-label"] for plot in plots)


def test_parts_of_plots_have_names_of_their_own(sweep_page):
    found = sweep_page
    names = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(names) == len(set(names))
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', found.text))
    assert used
    assert used <= set(names)


def luminance(rgb):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    """Of WCAG 2.2."""
    low, high = sorted((luminance(to_rgb(one)), luminance(to_rgb(other))))
    return (high + 0.05) / (low + 0.05)


def test_it_is_read_in_light_and_in_dark(sweep_page):
    found = sweep_page
    schemes = re.findall(r"--ground: (#\w{6}); --raised: #\w{6}; --ink: (#\w{6}); --muted: (#\w{6})", found.text)
    assert len(schemes) == 2
    for ground, ink, muted in schemes:
        assert contrast(ink, ground) > 7
        assert contrast(muted, ground) > 4.5
        assert all(contrast(drawn, ground) >= 3 for drawn in COLOURS), ground
    assert not any(fixed in found.text.partition("<main>")[2] for fixed in (INK, MUTED, GRID))
    assert contrast("#000000", "#ffffff") == pytest.approx(21)  # the formula


def test_names_from_the_runs_are_shown_as_they_are(page, tmp_path):
    hostile = r'<script>alert(1)</script> $\frac{$ & "'
    results = make_results(test__per_class={hostile: 0.5, "]]>": 1.0, "x" * 300: 0.7}, error=hostile)
    write_run(tmp_path / "runs" / "a", results, make_config(model={"name": hostile}))
    write_run(tmp_path / "runs" / "<b>", {"status": "failed", "error": hostile}, make_config(data={"name": "../x/"}))
    found = page(tmp_path / "runs")
    assert not found.all("script")
    assert not found.all("b")
    assert hostile in found.words
    assert (tmp_path / "report" / "_x_-runs.csv").is_file()


def test_runs_that_a_search_gave_up_stand_by_themselves(page, tmp_path):
    for name, said in {"a": {}, "b": {"status": "pruned", "reason": "it loses"}, "c": {"status": "failed"}}.items():
        write_run(tmp_path / "runs" / name, make_results() | said, make_config())
    text = page(tmp_path / "runs").text
    given_up, not_finished = text.index("<h3>Given up</h3>"), text.index("<h3>Not finished</h3>")
    assert "it loses" in text[given_up:not_finished]
    assert '<span class="pruned">' not in text[not_finished:].partition("</table>")[0]


def test_the_plots_show_the_best_and_the_tables_all(page, tmp_path, make_sweep):
    rates = tuple(round(0.001 * i, 3) for i in range(1, 61))
    sweep = make_sweep(tmp_path / "sweep", rates, (0,), lambda rate, seed: 0.5 + rate)
    found = page(sweep, "best=3")
    assert "The plots show the best 3 of 60 configurations" in found.words
    rows = list(csv.DictReader((tmp_path / "report" / "configurations.csv").open()))
    assert [row["optimizer.lr"] for row in rows] == [str(rate) for rate in reversed(rates)]
    assert all(f"lr={rate}" in found.words for rate in rates)
    assert "4  lr=0.057" not in found.text.partition("Configurations")[2].partition("Verdict")[0]


def test_the_comparison_says_what_its_file_says(page, sweep, tmp_path):
    found = page(sweep, "compare=3,1", "metric=val/acc")
    # 0.6, 0.61, 0.62 less 0.8, 0.81, 0.82
    assert "lr=0.3 against lr=0.1: the same difference with all 3 seeds: no interval over seeds" in found.words
    assert "First less second, val/acc in points" in found.words
    rows = list(csv.DictReader((tmp_path / "report" / "comparison.csv").open()))
    assert [float(row["difference"]) for row in rows] == pytest.approx([-0.2] * 3)


@pytest.fixture
def uneven(tmp_path, make_sweep):
    """Three learning rates, three seeds whose differences vary."""
    return make_sweep(
        tmp_path / "uneven", (0.1, 0.2, 0.3), (0, 1, 2), lambda rate, seed: 0.5 + rate + rate * seed / 100
    )


def test_the_best_is_held_against_all_others(page, uneven, tmp_path):
    found = page(uneven)
    assert "lr=0.3 is better than lr=0.2: 10.10 points (9.85 to 10.35), whatever the seeds; of other" in found.words
    assert (
        "lr=0.3, of the 2 others: better than 2 (over seeds alone: of other test images nothing is known) (Holm's"
        in (found.words)
    )
    rows = list(csv.DictReader((tmp_path / "report" / "comparisons.csv").open()))
    assert [(row["first"], row["second"], row["better"]) for row in rows] == [("1", "2", "1"), ("1", "3", "1")]
    assert float(rows[0]["over_seeds low"]) == pytest.approx(0.101 - 4.302653 * 0.001 / 3**0.5)
    assert rows[0]["over_both low"] == ""
    assert "10.10 points (9.85 to 10.35)" in (tmp_path / "report" / "report.md").read_text()


def test_every_pair_is_a_cell_of_a_matrix(page, uneven, tmp_path):
    found = page(uneven, "compare=all")
    assert "Row less column, test/acc in points" in found.words
    assert len(list(csv.DictReader((tmp_path / "report" / "comparisons.csv").open()))) == 3
    matrix = found.words.partition("Row less column")[2].partition("by seed")[0]
    assert re.findall(r"[+-][\d.]+ [\d.]+ to [\d.]+(?: \*)?", matrix) == [
        "+10.10 9.85 to 10.35 *", "+20.20 19.70 to 20.70 *", "+10.10 9.85 to 10.35 *",
    ]  # fmt: skip
    assert "Of 3 pairs 3 are settled" in found.words


def test_of_one_seed_it_says_that_nothing_is_sure(page, tmp_path, make_sweep):
    found = page(make_sweep(tmp_path / "sweep", (0.1, 0.2), (0,), lambda rate, seed: rate))
    assert (
        "lr=0.2 against lr=0.1: one seed only: no interval over seeds, and none over the test images: " in found.words
    )


def test_numbers_on_logarithmic_axes_are_in_plain_digits(page, tmp_path):
    for name, size in (("mlp", 1_000), ("cnn", 1_000_000)):
        results = make_results(parameters=size)
        run = write_run(tmp_path / "runs" / name, results, make_config(model={"name": name}), accuracies=())
        (run / "metrics.csv").write_text("epoch,val/loss\n0,10\n1,0.001\n")
    found = page(tmp_path / "runs")
    assert "mathdefault" not in found.text
    assert "100k" in found.words
    assert "0.01" in found.words


def test_stacked_jobs_shared_their_seconds_and_it_says_so(page, tmp_path):
    """Where all have shared them nothing can be on a front, and none is drawn."""
    said = "trained at once with others, so that the seconds were shared"
    for name, seconds, stacked in (("mlp", 2.0, 2), ("cnn", 3.0, 2), ("lenet", 4.0, None), ("resnet18", 5.0, None)):
        results = make_results(train_seconds=seconds, stacked=stacked)
        write_run(tmp_path / "runs" / name, results, make_config(model={"name": name}))
        if name == "cnn":
            assert "accuracy against seconds" not in page(tmp_path / "runs").words.lower()
    assert said in page(tmp_path / "runs").words


@pytest.fixture
def project(monkeypatch, tmp_path):
    """Whoever asks is at home in one, which has a train.py."""
    monkeypatch.setattr("groundup.report.repeat.home", lambda: Home.of_project(tmp_path))


@pytest.mark.usefixtures("project")
def test_commands_repeat_the_runs_of_a_configuration_with_all_their_seeds(tmp_path, make_sweep):
    sweep = make_sweep(tmp_path / "sweep", (0.1,), (2, 0, 1), lambda rate, seed: 0.5)
    [part] = parts_of(find_runs([sweep]))
    assert commands(part.entries[0].runs) == ["python train.py -m model=mlp optimizer.lr=0.1 seed=0,1,2"]


def test_where_there_is_no_train_py_the_command_is_the_one_that_is_installed(tmp_path, make_sweep, monkeypatch):
    [part] = parts_of(find_runs([make_sweep(tmp_path / "sweep", (0.1,), (0,), lambda rate, seed: 0.5)]))
    monkeypatch.setattr("groundup.report.repeat.home", lambda: Home(tmp_path, tmp_path))
    assert commands(part.entries[0].runs) == ["groundup train model=mlp optimizer.lr=0.1 seed=0"]


@pytest.mark.usefixtures("project")
def test_a_command_is_one_for_the_shell_and_does_not_resume(tmp_path):
    words = ["model.hidden_dims=[1,2]", "data.root=a b", "resume=auto", "seed=7", "+trainer.limit_train_batches=2"]
    write_run(tmp_path / "run", make_results(7, overrides=words), make_config(7))
    [line] = commands(find_runs([tmp_path]).runs)
    assert shlex.split(line) == ["python", "train.py", *words[:2], words[4], "seed=7"]


def test_where_the_words_are_not_known_there_is_no_command(tmp_path):
    write_run(tmp_path / "run", make_results(overrides="nonsense"), make_config())
    assert commands(find_runs([tmp_path]).runs) == []


def test_what_differs_between_the_runs_surroundings_is_counted(tmp_path):
    for number, torch in enumerate(("2.15.0", "2.14.0", "2.15.0")):
        results = make_results(number, versions={"torch": torch}, git={"commit": "abc", "dirty": number == 0})
        write_run(tmp_path / str(number), results, make_config(number))
    assert dict(environment(find_runs([tmp_path]).runs)) == {
        "device": [("cpu", 3)],
        "git commit": [("abc", 2), ("abc and uncommitted changes", 1)],
        "torch": [("2.15.0", 2), ("2.14.0", 1)],
    }
