"""What a table of configurations settles, by the predictions of their runs and without them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from groundup.rundir.jobs import FrozenJob
from groundup.rundir.predictions import Predictions, write_predictions
from groundup.rundir.rendering import as_markdown, as_text
from groundup.rundir.state import JobState
from groundup.rundir.table import tabulate
from groundup.rundir.verdict import Judge, judge_sweep
from groundup.rundir.verdict_words import as_data, sentence, summary

IMAGES = 1000
CLASSES = ("ant", "bee", "cat")


@dataclass
class Sweep:
    """Runs written one by one: `run(model, seed, accuracy)`."""

    directory: Path
    jobs: list[tuple[FrozenJob, JobState]] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self):
        self.true, self.hard = self.rng.integers(0, 3, IMAGES), self.rng.random(IMAGES)

    def run(self, model, seed, accuracy, keep=True, val=None, node=None, **predictions):
        """A finished run that has the easiest images right, but for some that the seed decides."""
        number = len(self.jobs)
        config = {"seed": seed, "data": {"name": "digits"} | (node or {})}
        right = self.hard + 0.02 * self.rng.normal(size=IMAGES) < accuracy
        results = {"seed": seed, "test/acc": float(right.mean()), "val/acc": accuracy if val is None else val}
        (self.directory / str(number)).mkdir()
        if keep:
            guesses = np.where(right, self.true, (self.true + 1) % 3)
            kept = {"data": "digits", "split": "test", "classes": CLASSES, "true": self.true, "predicted": guesses}
            write_predictions(
                self.directory / str(number) / "test_predictions.npz", Predictions(**(kept | predictions))
            )
        overrides = [f"model={model}", f"seed={seed}"]
        self.jobs.append((FrozenJob(number, overrides, config), JobState("finished", results=results)))
        return self

    def several(self, model, accuracy, seeds=(0, 1, 2), **options):
        for seed in seeds:
            self.run(model, seed, accuracy, **options)
        return self

    @property
    def table(self):
        return tabulate(self.jobs)

    @property
    def judge(self):
        return Judge(self.table, {number: self.directory / str(number) for number in range(len(self.jobs))})

    @property
    def first(self):
        """The sentence on the first pair, and the pair."""
        verdict = self.judge.best_against_all()
        return sentence(verdict.pairs[0], verdict), verdict.pairs[0]


@pytest.fixture
def sweep(tmp_path):
    return Sweep(tmp_path)


def test_a_clear_difference_is_told_in_one_sentence(sweep):
    said, pair = sweep.several("mlp", 0.8).several("cnn", 0.95).first
    found = pair.held.comparison
    low, high = (100 * end for end in found.over_both)
    assert said == (
        f"model=cnn is better than model=mlp: {100 * found.difference:.2f} points ({low:.2f} to {high:.2f}), "
        "whatever the seeds and the test images"
    )
    assert found.difference == pytest.approx(0.15, abs=0.02)
    assert pair.higher == 0


def test_it_is_said_too_where_validation_picked_the_worse(sweep):
    said, pair = sweep.several("mlp", 0.8, val=0.9).several("cnn", 0.95, val=0.8).first
    assert said.startswith("model=cnn is better than model=mlp: ")
    assert pair.higher == 1


def test_what_is_not_settled_has_an_outlook(sweep):
    said, pair = sweep.run("a", 0, 0.90).run("a", 1, 0.94).run("b", 0, 0.91).run("b", 1, 0.88).first
    assert pair.higher is None
    assert pair.more_seeds > 1
    assert said.startswith("model=a against model=b is not settled: 2.")
    assert said.endswith(
        f"), an interval that two seeds make wide; {pair.more_seeds} seeds more would do if the difference stays"
    )


def test_where_the_images_limit_it_no_number_of_seeds_would_do(sweep):
    said, pair = sweep.several("a", 0.9, range(8)).several("b", 0.9, range(8)).first
    assert pair.more_seeds is None
    assert (
        f"no number of seeds would do: 1,000 test images settle no less than {100 * pair.smallest_settled:.2f}" in said
    )


def test_of_one_seed_the_interval_over_the_test_images_is_what_can_be_said(sweep):
    said, pair = sweep.run("a", 0, 0.95).run("b", 0, 0.85).first
    low, high = (100 * end for end in pair.held.comparison.over_images)
    assert said.startswith("model=a against model=b: one seed only: no interval over seeds; over the test images: ")
    assert said.endswith(f"points ({low:.2f} to {high:.2f})")
    assert pair.higher is None


def test_of_runs_without_predictions_the_seeds_are_what_can_be_said(sweep):
    said, pair = sweep.several("a", 0.95, keep=False).several("b", 0.85).first
    assert "whatever the seeds; of other test images nothing is known: not all runs keep their predictions" in said
    assert pair.held.comparison.over_seeds is not None
    assert pair.held.comparison.over_both is None


def test_of_one_seed_without_predictions_nothing_is_sure(sweep):
    said, _ = sweep.run("a", 0, 0.95, keep=False).run("b", 0, 0.85, keep=False).first
    assert "one seed only: no interval over seeds, and none over the test images: not all runs keep" in said


@pytest.mark.parametrize(
    ("predictions", "why"),
    [
        ({"data": "mnist"}, "their predictions are not of one test: data=digits and data=mnist"),
        (
            {"classes": ("cat", "bee", "ant")},
            "their predictions are not of one test: the same classes in another order",
        ),
        ({"classes": ("ant", "bee", "dog")}, "their predictions are not of one test: other classes"),
    ],
)
def test_predictions_of_another_test_are_not_compared(sweep, predictions, why):
    said, pair = sweep.several("a", 0.95).several("b", 0.85, **predictions).first
    assert said == f"model=a and model=b are not compared: {why}"
    assert pair.higher is None


def test_fewer_images_are_another_test(sweep):
    sweep.several("a", 0.95)
    sweep.run("b", 0, 0.85, true=sweep.true[:500], predicted=sweep.true[:500])
    sweep.jobs[-1][1].results["test/acc"] = 1.0
    assert sweep.first[0].endswith("their predictions are not of one test: 1,000 and 500 images")


def test_configurations_on_different_data_are_not_compared_predictions_or_not(sweep):
    sweep.several("a", 0.95, keep=False).several("b", 0.85, keep=False, node={"name": "mnist"})
    assert sweep.first[0].endswith("are not compared: they are of different data, digits and mnist")


def test_the_same_images_in_another_order_are_compared_over_the_seeds(sweep):
    sweep.several("a", 0.95)
    for seed in range(3):
        turned = sweep.true[::-1]
        right = np.arange(IMAGES) < 850 + seed
        sweep.run("b", seed, 0.85, true=turned, predicted=np.where(right, turned, (turned + 1) % 3))
        sweep.jobs[-1][1].results["test/acc"] = right.mean()
    said, pair = sweep.first
    assert pair.held.comparison.over_seeds is not None
    assert "nothing is known: their predictions are of other images, or in another order" in said


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"PK"), lambda file: file.symlink_to(file)])
def test_a_damaged_file_is_named_and_the_seeds_are_compared(sweep, damage):
    sweep.several("a", 0.95).several("b", 0.85)
    file = sweep.directory / "4" / "test_predictions.npz"
    file.unlink()
    damage(file)
    said, pair = sweep.first
    assert "of other test images nothing is known: 4: test_predictions.npz" in said
    assert pair.held.comparison.over_seeds is not None


def test_predictions_that_do_not_come_to_the_runs_accuracy_are_not_taken(sweep):
    sweep.several("a", 0.95).several("b", 0.85)
    sweep.jobs[4][1].results["test/acc"] += 0.001
    assert "4: its predictions do not come to its test/acc" in sweep.first[0]


def test_without_a_seed_in_common_nothing_is_compared(sweep):
    said, _ = sweep.several("a", 0.95, (0, 1)).several("b", 0.85, (2, 3)).first
    assert said == "model=a and model=b are not compared: they have no seed in common"


def test_only_the_seeds_that_both_have_count(sweep):
    _, pair = sweep.several("a", 0.95, range(5)).several("b", 0.85, (1, 2)).first
    assert list(pair.held.pairs) == [1, 2]
    assert pair.held.comparison.n_seeds == 2


def test_folds_are_no_further_seeds(sweep):
    for model, accuracy in (("a", 0.95), ("b", 0.85)):
        for fold in range(5):
            sweep.several(model, accuracy, (0, 1), node={"folds": 5, "fold": fold})
    [pair] = sweep.judge.best_against_all().pairs
    assert pair.held.comparison.n_seeds == 2
    assert pair.held.comparison.beats is None  # no single run has such a figure
    of_seed_0 = [state.results["test/acc"] for job, state in sweep.jobs[:10] if job.config["seed"] == 0]
    assert pair.held.pairs[0][0] == pytest.approx(np.mean(of_seed_0))
    differences = [one - other for one, other in pair.held.pairs.values()]
    assert pair.held.comparison.difference == pytest.approx(np.mean(differences))


def test_each_fold_is_held_against_the_same_one(sweep):
    for fold in range(3):
        sweep.run("a", 0, 0.95, node={"folds": 3, "fold": fold})
    for fold in range(2):
        sweep.run("b", 0, 0.85, node={"folds": 3, "fold": fold})
    of_both = [state.results["test/acc"] for _, state in sweep.jobs[:2]]
    assert sweep.first[1].held.pairs[0][0] == pytest.approx(np.mean(of_both))


def test_folds_with_test_images_of_their_own_are_compared_fold_by_fold(sweep):
    """As of a data module of somebody else's, which tests on the fold: one has an image more than the others."""
    for model, wrong in (("a", 50), ("b", 150)):
        for seed in range(3):
            for fold, size in enumerate((301, 300, 300)):
                true = sweep.true[300 * fold :][:size]
                right = np.arange(size) >= wrong + 7 * seed * ("ab".index(model) + fold)
                guesses = np.where(right, true, (true + 1) % 3)
                sweep.run(model, seed, 0.9, true=true, predicted=guesses, node={"folds": 3, "fold": fold})
                sweep.jobs[-1][1].results["test/acc"] = float(right.mean())
    said, pair = sweep.first
    assert pair.held.comparison.n_seeds == 3
    assert "of other test images nothing is known: their predictions are of 301 and 300 images" in said


def test_other_numbers_of_folds_are_compared_seed_by_seed(sweep):
    for fold in range(3):
        sweep.several("a", 0.95, (0, 1), node={"folds": 3, "fold": fold})
    _, pair = sweep.several("b", 0.85, (0, 1)).first
    assert pair.held.comparison.n_seeds == 2
    assert pair.held.pairs[0][1] == sweep.jobs[6][1].results["test/acc"]


def test_the_best_is_held_against_all_and_corrected_for_all_pairs(sweep):
    sweep.several("a", 0.95).several("b", 0.949, val=0.9).several("c", 0.8)
    verdict = sweep.judge.best_against_all()
    assert [(pair.first, pair.second) for pair in verdict.pairs] == [(0, 1), (0, 2)]
    assert verdict.family == 3
    clear = verdict.pairs[1]
    assert clear.p_holm == pytest.approx(3 * clear.held.comparison.p_value)
    assert summary(verdict).splitlines()[1] == (
        "model=a, of the 2 others: better than 1, not settled against 1 (Holm's correction over 3 pairs)."
    )
    assert len(sweep.judge.all_pairs().pairs) == 3


def test_an_interval_that_excludes_zero_among_many_pairs_is_not_taken_for_a_difference(sweep):
    for number in range(12):
        sweep.several(f"m{number:02d}", 0.9 + (number == 0) * 0.03 - number / 1000)
    verdict = sweep.judge.best_against_all()
    said = [sentence(pair, verdict) for pair in verdict.pairs]
    sure = [pair.held.comparison.over_both[0] > 0 for pair in verdict.pairs]
    assert any(sure)
    doubtful = [text for text, is_sure in zip(said, sure, strict=True) if is_sure and "not settled" in text]
    assert doubtful
    assert all("no surprise among 66 pairs" in text for text in doubtful)


def test_a_sweep_of_one_configuration_or_of_none_finished_has_no_verdict(sweep):
    assert sweep.judge.best_against_all() is None
    sweep.several("a", 0.9)
    assert sweep.judge.best_against_all() is None
    sweep.jobs.append((FrozenJob(3, ["model=b", "seed=0"], {}), JobState("failed")))
    assert sweep.judge.best_against_all() is None
    assert sweep.judge.all_pairs() is None


def test_a_figure_that_is_no_share_is_told_without_points(sweep):
    sweep.several("a", 0.95).several("b", 0.85)
    for job, state in sweep.jobs:
        state.results["test/loss"] = 0.2 + job.number / 1000 + (job.number > 2)
    judge = Judge(sweep.table, {n: sweep.directory / str(n) for n in range(6)}, metric="test/loss")
    verdict = judge.best_against_all()
    assert "every" not in summary(verdict)
    assert verdict.metric == "test/loss"
    assert "points" not in summary(verdict)
    assert "1.0030" in summary(verdict)


def test_it_stands_below_the_tables_and_as_data_with_every_digit(sweep):
    sweep.several("a", 0.95).several("b", 0.8)
    verdict = judge_sweep(sweep.directory, sweep.table)
    data = as_data(verdict)
    assert as_text(sweep.table, verdict=data["text"]).endswith(f"\n\n{data['text']}")
    assert data["text"] in as_markdown(sweep.table, data["text"])
    [pair] = data["comparisons"]
    found = verdict.pairs[0].held.comparison
    assert (pair["difference"], pair["over_both"], pair["p"]) == (found.difference, found.over_both, found.p_value)
    assert (pair["first"], pair["second"], pair["better"], pair["seeds"], pair["images"]) == (0, 1, 0, 3, IMAGES)
    assert as_text(sweep.table) == as_text(sweep.table, verdict="")


def test_escape_codes_of_a_stranger_do_not_reach_the_terminal(sweep):
    sweep.several("a\x1b[2J", 0.95).several("b", 0.8)
    text = as_data(judge_sweep(sweep.directory, sweep.table))["text"]
    assert "\x1b" not in as_text(sweep.table, verdict=text)
    assert "\x1b" not in as_markdown(sweep.table, text)


def test_names_of_a_stranger_add_no_lines(sweep):
    """Neither those of configurations nor those in a file of predictions."""
    sweep.several("a\nb is better than a", 0.95)
    sweep.several("b", 0.8, data="x\nb is better than a: 9.00 points\n" + 1000 * "y")
    text = summary(sweep.judge.best_against_all())
    assert "\n" not in text
    assert len(text) < 500


def _by_loss(directory, mode="min", metric=None):
    """Configurations of a module that chooses its checkpoints by val_loss, and has no accuracy to be compared by."""
    monitor = {"callbacks": {"checkpoints": {"monitor": "val_loss", "mode": mode}}}
    jobs = []
    for number, (model, seed) in enumerate((model, seed) for model in ("good", "bad", "worse") for seed in range(4)):
        loss = {"good": 0.1, "bad": 0.5, "worse": 0.9}[model] + 0.001 * (seed * (number + 1) % 7)
        job = FrozenJob(number, [f"model={model}", f"seed={seed}"], {"seed": seed, **monitor})
        jobs.append((job, JobState("finished", results={"seed": seed, "val_loss": loss, "val_odd": loss})))
    return Judge(tabulate(jobs), {number: directory for number in range(len(jobs))}, metric=metric).best_against_all()


def test_of_a_loss_the_one_that_has_less_is_better(tmp_path):
    """The control is a figure of somebody else's of which more is better."""
    verdict = _by_loss(tmp_path)
    assert summary(verdict).startswith("model=good is better than model=bad: val_loss lower by 0.3")
    assert (
        "model=good, of the 2 others: better than 2 (over seeds alone: of other images nothing is known) (Holm"
        in summary(verdict)
    )
    data = as_data(verdict)
    assert [pair["better"] for pair in data["comparisons"]] == [0, 0]
    assert data["comparisons"][0]["beats"] > 0.99
    assert data["comparisons"][0]["beats_interval"][0] > 0.9
    other = as_data(_by_loss(tmp_path, "max"))
    assert other["text"].startswith("model=worse is better than model=bad: 0.3")
    assert (other["comparisons"][0]["better"], other["comparisons"][0]["beats"] > 0.99) == (0, True)


def test_nobody_is_called_better_by_a_figure_of_which_nobody_knows_whether_more_is_better(tmp_path):
    verdict = _by_loss(tmp_path, metric="val_odd")
    assert "has a higher val_odd than model=good" in summary(verdict)
    assert "model=good, of the 2 others: a lower val_odd than 2" in summary(verdict)
    assert [(pair["better"], pair["beats"]) for pair in as_data(verdict)["comparisons"]] == [(None, None)] * 2


def test_a_fold_of_somebody_elses_data_is_a_setting(sweep):
    """Without `folds` nobody knows what it is; the control is a fold of ours."""
    theirs = [({"fold": 0}, "data.fold=0"), ({"fold": 1}, "data.fold=1")]
    ours = [(node | {"folds": 2}, word) for node, word in theirs]
    for nodes, rows in ((theirs, 2), (ours, 1)):
        jobs = [
            (FrozenJob(n, ["seed=0", word], {"seed": 0, "data": node}), JobState("finished", results={"val/acc": 0.5}))
            for n, (node, word) in enumerate(nodes)
        ]
        assert len(tabulate(jobs).configurations) == rows


def test_one_test_image_is_no_sample_and_the_seeds_are_compared(sweep):
    for model in ("a", "b"):
        for seed in range(3):
            sweep.run(model, seed, 0.9, true=sweep.true[:1], predicted=sweep.true[:1])
            sweep.jobs[-1][1].results["test/acc"] = 1.0
    assert "one image is no sample of test images" in sweep.first[0]


def test_accuracies_on_other_images_are_not_compared_unless_seeds_draw_them_anew(sweep):
    rng = np.random.default_rng(1)
    for is_drawn in (False, True):
        sweep.jobs.clear()
        directory = sweep.directory / str(is_drawn)
        directory.mkdir()
        drawn = Sweep(directory)
        for model in ("a", "b"):
            for seed in range(3):
                true = rng.integers(0, 3, IMAGES) if is_drawn else np.full(IMAGES, "ab".index(model))
                right = np.arange(IMAGES) < 900 + 10 * seed * ("ab".index(model) + 1)
                drawn.run(model, seed, 0.9, true=true, predicted=np.where(right, true, (true + 1) % 3))
                drawn.jobs[-1][1].results["test/acc"] = float(right.mean())
        said, pair = drawn.first
        if is_drawn:
            assert pair.held.comparison.over_seeds is not None
        else:
            assert said.endswith("are not compared: their predictions are of other test images")


def test_figures_of_other_tests_are_not_compared_either(sweep):
    """Of a loss nothing is known image by image, but of which images it is."""
    sweep.several("a", 0.95)
    for seed in range(3):
        sweep.run("b", seed, 0.85, true=sweep.true[:500], predicted=sweep.true[:500])
        sweep.jobs[-1][1].results["test/acc"] = 1.0
    for job, state in sweep.jobs:
        state.results["test/nll"] = 0.2 + job.number / 100
    judge = Judge(sweep.table, {n: sweep.directory / str(n) for n in range(6)}, metric="test/nll")
    assert summary(judge.best_against_all()).endswith("not of one test: 1,000 and 500 images.")


def test_finished_runs_without_the_figure_are_counted(sweep):
    """A loss that is infinite is no number: a configuration that diverges now and then would seem better than it is."""
    sweep.several("a", 0.95, range(4)).several("b", 0.85, range(4))
    for job, state in sweep.jobs:
        state.results["test/nll"] = 0.2 + (job.number * 7 % 5) / 100
    sweep.jobs[5][1].results["test/nll"] = None
    judge = Judge(sweep.table, {n: sweep.directory / str(n) for n in range(8)}, metric="test/nll")
    assert summary(judge.best_against_all()).endswith("; 1 finished run has no test/nll and is left out.")
    assert "left out" not in sweep.first[0]


def test_two_that_were_picked_are_said_not_to_be_corrected_for(sweep):
    sweep.several("a", 0.95).several("b", 0.85).several("c", 0.8)
    assert summary(sweep.judge.judge([(0, 1)], 1)).endswith(
        "\nNot corrected: it holds if the two were chosen before any run was seen, out of 3 pairs."
    )
    sweep.jobs = sweep.jobs[:6]
    assert "corrected" not in summary(sweep.judge.judge([(0, 1)], 1))


def test_one_seed_in_common_is_not_one_seed_only(sweep):
    said, _ = sweep.several("a", 0.95, (0, 1, 2)).several("b", 0.85, (2, 3, 4)).first
    assert ": one seed in common only: no interval over seeds; over the test images: " in said


def test_equal_differences_have_no_interval_over_seeds_but_one_over_both(sweep):
    for model, accuracy in (("a", 0.95), ("b", 0.85)):
        for seed in range(3):
            right = np.roll(np.arange(IMAGES) < 1000 * accuracy, seed)
            sweep.run(model, seed, accuracy, predicted=np.where(right, sweep.true, (sweep.true + 1) % 3))
            sweep.jobs[-1][1].results["test/acc"] = accuracy
    said, pair = sweep.first
    assert pair.held.comparison.over_seeds is None
    assert said.startswith("model=a is better than model=b: 10.00 points (")


def test_several_runs_of_a_seed_say_nothing_of_one_run(sweep):
    sweep.several("a", 0.95).several("b", 0.85)
    assert sweep.first[1].held.comparison.beats is not None
    sweep.several("a", 0.95)
    assert sweep.first[1].held.comparison.beats is None


def test_it_is_counted_of_how_many_nothing_is_known_of_other_images(sweep):
    sweep.several("a", 0.95).several("b", 0.8).several("c", 0.7)
    whole = as_data(sweep.judge.best_against_all())
    assert "model=a, of the 2 others: better than 2 (Holm" in whole["text"]
    assert [pair["scope"] for pair in whole["comparisons"]] == ["seeds and images"] * 2
    (sweep.directory / "8" / "test_predictions.npz").write_bytes(b"PK")
    damaged = as_data(sweep.judge.best_against_all())
    counted = (
        "better than 2 (1 over seeds alone: of other test images nothing is known) (Holm's correction over 3 pairs)."
    )
    assert counted in damaged["text"]
    assert [pair["scope"] for pair in damaged["comparisons"]] == ["seeds and images", "seeds"]
    pairs = as_data(sweep.judge.all_pairs())["text"]
    assert "Of 3 pairs 3 are settled (2 over seeds alone: of other test images nothing is known)" in pairs


def test_seeds_and_folds_that_both_have_are_named_and_more_of_them_would_say_more(sweep):
    said, pair = sweep.several("a", 0.9, range(5)).several("b", 0.9, (0, 1, 7)).first
    assert said.endswith("; of seeds 0 and 1, which both have")
    assert "no number of seeds" not in said
    assert pair.held.in_common == "seeds 0 and 1"
    sweep.several("c", 0.7, (8, 9))
    verdict = sweep.judge.best_against_all()
    assert "not compared with 1 (they have no seed in common)" in summary(verdict)
    assert [each["in_common"] for each in as_data(verdict)["comparisons"]] == ["seeds 0 and 1", None]


def test_folds_that_one_lacks_are_left_out_and_the_others_named(sweep):
    for fold in range(3):
        sweep.several("a", 0.9, (0, 1), node={"folds": 3, "fold": fold})
    for fold in range(2):
        sweep.several("b", 0.9, (0, 1), node={"folds": 3, "fold": fold})
    assert sweep.first[0].endswith("; of folds 0 and 1 of seeds 0 and 1, which both have")


def test_with_the_same_seeds_nothing_is_said_of_which(sweep):
    said, pair = sweep.several("a", 0.9, (0, 1)).several("b", 0.8, (0, 1)).first
    assert "which both have" not in said
    assert pair.held.in_common == ""


def test_an_interval_ends_where_differences_of_shares_do(sweep):
    for seed, (one, other) in enumerate(((0.9, 0.1), (0.5, 0.4))):
        sweep.run("a", seed, one, keep=False).run("b", seed, other, keep=False)
    said, pair = sweep.first
    assert pair.held.comparison.over_seeds == (-1, 1)
    assert "(-100.00 to 100.00)" in said


def test_an_accuracy_that_is_no_share_is_left_out_and_that_is_said(sweep):
    sweep.several("a", 0.95).several("b", 0.8)
    sweep.jobs[4][1].results["test/acc"] = 97.5
    assert "1 finished run has no test/acc and is left out" in sweep.first[0]
    assert "(2 of 3)" in as_text(sweep.table)


def _of_a_module(directory, **figures):
    """Configurations of a module of somebody else's, picked by val_loss, that logs more figures."""
    monitor = {"callbacks": {"checkpoints": {"monitor": "val_loss", "mode": "min"}}}
    jobs = []
    for number, (model, seed) in enumerate((model, seed) for model in ("good", "bad") for seed in range(3)):
        found = {name: values[model] + seed * 0.001 * (number + 1) for name, values in figures.items()}
        job = FrozenJob(number, [f"model={model}", f"seed={seed}"], {"seed": seed, **monitor})
        jobs.append((job, JobState("finished", results={"seed": seed, **found})))
    return Judge(tabulate(jobs), {number: directory for number in range(len(jobs))}).best_against_all()


def test_the_test_figure_of_somebody_elses_module_is_what_its_verdict_is_about(tmp_path):
    loss, acc = {"good": 0.1, "bad": 0.5}, {"good": 0.9, "bad": 0.5}
    verdict = _of_a_module(tmp_path, val_loss=loss, test_loss=loss, test_acc=acc)
    assert (verdict.metric, verdict.less_is_better) == ("test_acc", False)
    assert summary(verdict).startswith("model=good is better than model=bad: 0.39")
    verdict = _of_a_module(tmp_path, val_loss=loss, test_loss=loss)
    assert (verdict.metric, verdict.less_is_better) == ("test_loss", True)
    assert summary(verdict).startswith("model=good is better than model=bad: test_loss lower by 0.40")
    assert _of_a_module(tmp_path, val_loss=loss, test_odd=loss).metric == "val_loss"
