"""`predict` on the images of a run's own data: the answers are those of its evaluation, image by image."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from groundup.command.predictions import OF_A_SPLIT, publish
from groundup.config.check import check_predict
from groundup.errors import UserError
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.predict_split import predict_split
from groundup.rundir.predictions import read_predictions


@pytest.fixture
def run_dir(whole_run, make_config) -> Path:
    return whole_run(make_config())


@pytest.mark.parametrize("split", ["val", "test"])
def test_answers_are_those_that_the_run_keeps(run_dir, split):
    kept = read_predictions(run_dir, split)
    found = list(predict_split(run_dir, split, top=10))
    assert [one.number for one in found] == list(range(len(kept.true)))
    assert [int(one.true) for one in found] == kept.true.tolist()
    assert [int(one.classes[0]) for one in found] == kept.predicted.tolist()
    assert all(one.image is None and one.error is None for one in found)
    for one, probabilities in zip(found, kept.probabilities, strict=True):
        assert sorted(one.probabilities, reverse=True) == list(one.probabilities)
        assert np.allclose(one.probabilities, probabilities[[int(name) for name in one.classes]], atol=1e-3)


def test_accuracy_is_that_of_the_evaluation_to_the_last_bit(run_dir):
    right = [one.classes[0] == one.true for one in predict_split(run_dir, "test")]
    results = json.loads((run_dir / "results.json").read_text())
    assert sum(right) / len(right) == evaluate(run_dir, accelerator="cpu")["test/acc"] == results["test/acc"]
    right = [one.classes[0] == one.true for one in predict_split(run_dir, "train")]
    assert sum(right) / len(right) == evaluate(run_dir, accelerator="cpu", split="train")["train/acc"]


@pytest.mark.parametrize("model", ["numpy_mlp", "noprop_dt"])
def test_networks_in_numpy_and_those_that_draw_random_numbers_answer_as_they_were_tested(whole_run, make_config, model):
    small = (f"model={model}", "data.limit_train=200", "data.limit_test=100", "trainer.max_epochs=1")
    run_dir = whole_run(make_config(small=(*small, "trainer.accelerator=cpu")))
    kept = read_predictions(run_dir, "test")
    assert [int(one.classes[0]) for one in predict_split(run_dir, "test")] == kept.predicted.tolist()


@pytest.fixture
def folder_run(whole_run, make_config, tmp_path_factory) -> Path:
    """Of a folder without split folders, one of whose images is broken."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name, brightness in (("dark", 50), ("light", 200)):
        (root / name).mkdir()
        for number in range(12):
            pixels = random.normal(brightness, 20, (8, 8, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:02}.png")
    (root / "dark" / "05.png").write_bytes(b"no image")
    words = ("data=image_folder", f"data.root={root}", "data.image_size=8", "data.on_error=skip")
    return whole_run(make_config(*words, "data.val_fraction=0.2"))


def test_images_of_a_folder_are_named_by_their_files_each_of_them_once(folder_run):
    found = [one for split in ("train", "val", "test") for one in predict_split(folder_run, split, top=2)]
    assert [one.true for one in found] == [one.image.parent.name for one in found]
    files = [one.image for one in found]
    assert len(files) == len(set(files)) == 23
    alone = {one.image: one for one in predict(folder_run, files[0].parents[1], top=2)}
    for one in found:  # as the file alone is classified: it is that file
        assert one.classes == alone[one.image].classes
        assert one.probabilities == pytest.approx(alone[one.image].probabilities, abs=1e-5)


def test_rows_and_lines_say_number_file_and_true_class(folder_run, tmp_path, capsys):
    found = list(predict_split(folder_run, "test", top=2))
    publish(found, tmp_path / "out.csv", OF_A_SPLIT)
    rows = list(csv.DictReader((tmp_path / "out.csv").open(newline="")))
    assert list(rows[0]) == ["number", "image", "true", "rank", "class", "probability", "error"]
    assert [(int(row["number"]), row["true"], row["rank"]) for row in rows] == [
        (number, one.true, rank) for number, one in enumerate(found) for rank in "12"
    ]
    first, line = found[0], capsys.readouterr().out.splitlines()[0]
    assert rows[0]["image"] == str(first.image)
    assert line.split("  ")[:2] == [f"0 {first.image}", f"true {first.true}"]


REFUSED = {
    ("images=x",): r"images=x with split=test: accepted: one of them",
    ("prepare=mnist",): r"prepare=mnist with split=test: the run's images stay as they are; accepted: null",
    ("data.invert=true",): r"data\.invert=true with split=test: .*accepted: auto",
    ("run=null", "network={folder}/a.onnx"): r"model=.*a\.onnx with split=test: .*accepted: run=DIR",
    ("split=null",): "images=null: must be given: images=PATH; or split=test",
    ("split=null", "images={folder}", "data.root=x"): r"data\.root=.*x with images=.*: it goes with split=test",
    ("network={folder}/a.onnx",): r"model=.*a\.onnx with run=.*: accepted: one of them",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_go_with_a_split_is_refused(compose_config, run_dir, tmp_path, monkeypatch, words):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)  # as if ONNX Runtime were there
    (tmp_path / "a.onnx").touch()
    given = [word.format(folder=tmp_path) for word in words]
    with pytest.raises(UserError, match=REFUSED[words]):
        check_predict(compose_config(f"run={run_dir}", "split=test", *given, name="predict"))


def test_a_split_that_a_run_has_not_is_said(whole_run, make_config):
    with pytest.raises(UserError, match="split=val: the run has no such images; accepted: train, test"):
        predict_split(whole_run(make_config("data.val_fraction=0")), "val")
