"""Classes are told by their names: a folder may name, sort or have others than the network was trained on."""

from __future__ import annotations

import json
import math
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from launch import train_here
from PIL import Image
from sklearn.metrics import confusion_matrix

from groundup.callbacks.interrupt import StopOnSignal
from groundup.data.classes import listed, refuse_others, refuse_unknown
from groundup.data.folder import scan
from groundup.data.specs import make_spec, make_test_spec
from groundup.errors import UserError
from groundup.run.evaluate import evaluate
from groundup.run.parts import assemble
from groundup.run.predict import predict

CLASSES = {"ant": 90, "bee": 120, "café": 150}  # brightness: near enough that some are taken for others


def paint(root: Path, split: str, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for name, brightness in CLASSES.items():
        folder = root / split / name
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = np.clip(random.normal(brightness + random.normal(0, 20), 20, (8, 8)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02}.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run and the folder it was trained on, to be read only."""
    base = tmp_path_factory.mktemp("named")
    paint(base / "images", "train", 20, seed=0)
    paint(base / "images", "test", 12, seed=1)
    words = (f"data.root={base / 'images'}", "data.image_size=8", "data.channels=1", "data.batch_size=8")
    train_here(base / "run", "data=image_folder", *words, "trainer.max_epochs=4")
    return base / "run", base / "images"


@pytest.fixture
def images(trained, tmp_path):
    """A copy of the folder, to be changed."""
    return shutil.copytree(trained[1], tmp_path / "images")


def evaluated(trained, root: Path):
    return evaluate(trained[0], accelerator="cpu", data={"root": str(root)})


def predicted(trained, root: Path) -> float:
    """The share of images that are said to be of the class that their folder is named after."""
    found = list(predict(trained[0], root / "test"))
    return sum(one.classes[0] == Path(one.image).parent.name for one in found) / len(found)


def test_the_network_makes_mistakes_of_which_the_tests_here_would_see_one_mirrored(trained):
    metrics = evaluated(trained, trained[1])
    counts = np.array(metrics["test/confusion"])
    assert 0.4 < metrics["test/acc"] < 1
    assert (counts != counts.T).any()
    assert metrics["test/acc"] == predicted(trained, trained[1])
    assert len(set(metrics["test/per_class"].values())) > 1


def test_classes_that_sort_otherwise_are_told_by_name(trained, images):
    """One more class in front, which the test split lacks, would move all others by a place."""
    shutil.copytree(images / "train" / "bee", images / "train" / "aardvark")
    assert evaluated(trained, images) == evaluated(trained, trained[1])


def test_a_folder_with_images_to_test_on_alone_is_evaluated(trained, images):
    shutil.rmtree(images / "train")
    assert evaluated(trained, images) == evaluated(trained, trained[1])


def test_a_folder_without_some_of_the_classes_is_evaluated_on_the_others(trained, images, caplog):
    whole = evaluated(trained, trained[1])
    assert caplog.messages == []
    for split in ("train", "test"):
        shutil.rmtree(images / split / "ant")
    found = evaluated(trained, images)
    assert found["test/acc"] == predicted(trained, images)
    assert found["test/confusion"] == [[0, 0, 0], *whole["test/confusion"][1:]]
    assert list(found["test/per_class"]) == list(CLASSES)
    assert math.isnan(found["test/per_class"]["ant"])
    assert found["test/per_class"]["bee"] == whole["test/per_class"]["bee"]
    assert caplog.messages == ["no test images of ant: they have no accuracy and are in no mean"]


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ({"ant": "wasp"}, "(new: wasp; missing: ant); accepted: ant, bee, café"),
        ({"ant": "Ant"}, "(new: Ant; missing: ant)"),
        ({"ant": "0", "bee": "1"}, "(new: 0, 1; missing: ant, bee)"),
        ({"ant": "\x1b[31mant"}, r"(new: \x1b[31mant; missing: ant)"),
    ],
)
def test_a_class_that_the_network_does_not_know_is_refused_by_name(trained, images, moves, said):
    for old, new in moves.items():
        for split in ("train", "test"):
            (images / split / old).rename(images / split / new)
    with pytest.raises(UserError, match="other classes than the network was trained on") as refused:
        evaluated(trained, images)
    assert said in str(refused.value)
    assert str(images) in str(refused.value)


def test_one_class_more_is_refused_by_name_not_by_the_shape_of_a_weight(trained, images):
    for split in ("train", "test"):
        shutil.copytree(images / split / "bee", images / split / "aardvark")
    with pytest.raises(UserError, match=r"\(new: aardvark\)"):
        evaluated(trained, images)


def test_names_that_look_the_same_are_the_same(trained, images):
    """é as one sign or as two: a folder's name may change so on its way from a Mac."""
    decomposed = unicodedata.normalize("NFD", "café")
    for split in ("train", "test"):
        (images / split / "café").rename(images / split / decomposed)
    assert scan(images).class_names == tuple(CLASSES)
    assert evaluated(trained, images) == evaluated(trained, trained[1])
    shutil.copytree(images / "test" / decomposed, images / "test" / "café")
    with pytest.raises(UserError, match="two classes have names that look the same"):
        evaluated(trained, images)


def test_a_checkpoint_of_other_classes_is_refused_by_name(trained, digits_run):
    with pytest.raises(UserError, match=r"data\.name=digits: other classes .*new: 0, 1, 2.*missing: ant, bee, café"):
        evaluate(digits_run, str(trained[0] / "checkpoints" / "best.ckpt"), "cpu")


def test_coarse_labels_are_other_classes_than_fine_ones():
    fine, coarse = ({"name": "cifar100", "labels": labels} for labels in ("fine", "coarse"))
    with pytest.raises(UserError, match=r"data\.name=cifar100: other classes .*new: aquatic_mammals"):
        make_test_spec(coarse, make_spec(fine))
    assert make_test_spec(fine, make_spec(fine)) == make_spec(fine)


def test_published_data_are_not_taken_for_a_part_of_other_classes():
    """Their labels are places: of a network that knows more classes these would be others."""
    digits = make_spec({"name": "digits"})
    more = make_spec({"name": "mnist"}).__class__(**{**vars(digits), "class_names": ("+", *digits.class_names)})
    with pytest.raises(UserError, match=r"missing: \+"):
        make_test_spec({"name": "digits"}, more)


def test_pixels_are_scaled_as_the_network_is_used_to(trained):
    spec = make_spec({"name": "digits"})
    assert make_test_spec({"name": "digits"}, spec.__class__(**{**vars(spec), "mean": (0.7,)})).mean == (0.7,)


@pytest.mark.parametrize(("old", "new"), [("ant", "wasp"), ("café", "Café")])
def test_a_run_does_not_go_on_with_other_classes(trained, images, tmp_path, old, new):
    for split in ("train", "test"):
        (images / split / old).rename(images / split / new)
    config = yaml.safe_load((trained[0] / "config.yaml").read_text())
    config["data"]["root"] = str(images)
    resume = trained[0] / "checkpoints" / "last.ckpt"
    with StopOnSignal() as stop, pytest.raises(UserError, match=rf"\(new: {new}; missing: {old}\); put the data back"):
        assemble(config, tmp_path, stop, resume)


def test_the_order_of_classes_matters_to_a_run_that_goes_on():
    with pytest.raises(UserError, match=r"x: other classes .*the same in another order: a, b"):
        refuse_others(("a", "b"), ("b", "a"), "x", "no")
    refuse_others(("a", "b"), ["a", "b"], "x", "no")
    refuse_unknown(("b",), ("a", "b"), "x")


def test_many_classes_are_not_all_listed():
    assert listed([str(number) for number in range(100)]).endswith("8, 9 and 90 more")


def test_standard_output_is_the_metrics_alone(command, trained, images):
    shutil.rmtree(images / "test" / "ant")
    done = command("evaluate.py", f"run={trained[0]}", f"data.root={images}", "accelerator=cpu")
    assert done.wait() == 0, done.stderr
    assert json.loads(done.stdout)["test/per_class"]["ant"] is None
    assert done.stderr == "no test images of ant: they have no accuracy and are in no mean\n"


def test_a_labels_place_is_that_of_its_name_in_the_network(trained, images):
    """The labels themselves: of the class that the folder lacks there is none, the others keep their numbers."""
    from groundup.data.folder_images import open_folder

    shutil.rmtree(images / "test" / "ant")
    spec = make_test_spec(
        {"name": "image_folder", "root": str(images), "image_size": 8, "channels": 1},
        make_spec({"name": "image_folder", "root": str(trained[1]), "image_size": 8, "channels": 1}),
    )
    found = open_folder(spec, "test")
    assert found is not None
    assert torch.equal(found.labels.unique(), torch.tensor([1, 2]))


TRIALS = 25


def changed(trained, root: Path, random: np.random.Generator) -> None:
    """A copy of the test images whose classes are renamed, exchanged, left out, added, or spelt as a Mac does."""
    names = [*CLASSES, "aardvark"]
    targets = {
        "renamed": lambda name: str(random.choice(["Ant", "zebra", "bee ", "cafe", "0"])),
        "kept": lambda name: name,
        "decomposed": lambda name: unicodedata.normalize("NFD", name),
        "left out": lambda name: None,
    }
    for name in names:
        source = trained[1] / "test" / (name if name in CLASSES else "bee")
        weights = [0.1, 0.5, 0.2, 0.2] if name in CLASSES else [0, 0.1, 0, 0.9]
        target = targets[str(random.choice(list(targets), p=weights))](name)
        if target is not None and not (root / "test" / target).exists():
            shutil.copytree(source, root / "test" / target)


def test_no_change_of_a_folder_comes_out_as_a_wrong_figure(trained, tmp_path):
    """Each comes to the figure of the images one by one, by the names of their folders, or is refused by a name."""
    random, outcomes = np.random.default_rng(0), {"same": 0, "refused": 0}
    for trial in range(TRIALS):
        root = tmp_path / str(trial)
        (root / "test").mkdir(parents=True)
        changed(trained, root, random)
        there = {unicodedata.normalize("NFC", folder.name) for folder in (root / "test").iterdir()}
        if foreign := there - set(CLASSES) or not there:
            with pytest.raises(UserError, match="no test split" if foreign is True else min(foreign)):
                evaluated(trained, root)
            outcomes["refused"] += 1
            continue
        metrics = evaluated(trained, root)
        found = [
            (unicodedata.normalize("NFC", one.image.parent.name), one.classes[0])
            for one in predict(trained[0], root / "test")
        ]
        expected = confusion_matrix(*zip(*found, strict=True), labels=list(CLASSES))
        assert metrics["test/confusion"] == expected.tolist()
        assert metrics["test/acc"] == sum(true == guess for true, guess in found) / len(found)
        outcomes["same"] += 1
    assert sum(outcomes.values()) == TRIALS
    assert min(outcomes.values()) > TRIALS // 5, outcomes
