"""`evaluate.py` and `predict.py` on finished runs."""

from __future__ import annotations

import csv
import json
import shutil
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from groundup.config.build import build
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.learning.checkpoint import load_weights
from groundup.run.learners import build_learner
from groundup.run.predict import predict


def test_set_of(run_dir):
    """The run's test images as it read them, uint8 `(N, C, H, W)`, and their labels."""
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=config["seed"])
    data.setup("test")
    if config["data"]["mean"] == "auto":
        data.setup("fit")
        trained = data.splits["train"].pixels.numpy() / 255
        spec = replace(spec, mean=tuple(trained.mean((0, 2, 3)).tolist()), std=tuple(trained.std((0, 2, 3)).tolist()))
    return config, spec, data.splits["test"].pixels, data.splits["test"].labels


test_set_of.__test__ = False


def logits_of(run_dir, config, spec, pixels):
    """What the network itself says of pixels, normalised here by hand."""
    learner = build_learner(config, spec)
    load_weights(learner, run_dir / "checkpoints" / "best.ckpt")
    net = learner.net.eval()
    scaled = pixels.double() / 255
    for channel in range(spec.channels):
        scaled[:, channel] = (scaled[:, channel] - spec.mean[channel]) / spec.std[channel]
    with torch.no_grad():
        return net(scaled.float())


def save(folder, pixels):
    folder.mkdir()
    for number, image in enumerate(pixels.numpy()):
        array = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(array).save(folder / f"{number:03}.png")


@pytest.mark.parametrize("name", ["digits_run", "colour_run"])
def test_predictions_are_those_of_the_network_on_the_same_pixels(request, tmp_path, name):
    run_dir = request.getfixturevalue(name)
    config, spec, pixels, labels = test_set_of(run_dir)
    save(tmp_path / "images", pixels[:100])
    predictions = list(predict(run_dir, tmp_path / "images", top=2))
    expected = logits_of(run_dir, config, spec, pixels[:100]).softmax(1).topk(2)
    assert len(predictions) == min(100, len(labels))
    for prediction, classes, probabilities in zip(predictions, expected.indices, expected.values, strict=True):
        assert prediction.classes == tuple(spec.class_names[c] for c in classes)
        assert prediction.probabilities == pytest.approx(probabilities.tolist(), abs=1e-5)
    hits = [p.classes[0] == spec.class_names[label] for p, label in zip(predictions, labels, strict=False)]
    assert np.mean(hits) > 0.7  # negative control: the classes are not shuffled


def test_evaluate_prints_and_writes_the_test_metrics_of_the_run(command, digits_run, tmp_path):
    done = command("evaluate.py", f"run={digits_run}", "out=../metrics.json", "accelerator=cpu")
    assert done.wait() == 0, done.stderr
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert json.loads(done.stdout) == metrics
    results = json.loads((digits_run / "results.json").read_text())
    for name in ("test/acc", "test/loss", "test/f1", "test/top5"):
        assert metrics[name] == pytest.approx(results[name])
    assert metrics["test/per_class"] == pytest.approx(results["test/per_class"])
    assert done.stderr == ""
    assert not any((tmp_path / "elsewhere").iterdir())


def test_evaluate_takes_the_last_checkpoint_or_any_path(command, digits_run, own_run, tmp_path):
    best = own_run / "checkpoints" / "best.ckpt"
    before = json.loads((digits_run / "results.json").read_text())["test/acc"]
    checkpoint = torch.load(best, weights_only=True)
    for value in checkpoint["state_dict"].values():
        value.zero_()
    torch.save(checkpoint, tmp_path / "zeros.ckpt")
    done = command("evaluate.py", f"run={own_run}", "ckpt=../zeros.ckpt", "accelerator=cpu")
    assert done.wait() == 0, done.stderr
    assert json.loads(done.stdout)["test/acc"] < 0.2 < before  # all of one class
    shutil.copy(tmp_path / "zeros.ckpt", own_run / "checkpoints" / "last.ckpt")
    done = command("evaluate.py", f"run={own_run}", "ckpt=last", "accelerator=cpu")
    assert json.loads(done.stdout)["test/acc"] < 0.2


def test_a_run_that_was_moved_is_still_read(command, own_run, tmp_path, digits_run):
    (tmp_path / "archive of 2026").mkdir()
    moved = own_run.rename(tmp_path / "archive of 2026" / "a run")
    done = command("evaluate.py", "run='../archive of 2026/a run'", "accelerator=cpu")
    assert done.wait() == 0, done.stderr
    results = json.loads((digits_run / "results.json").read_text())
    assert json.loads(done.stdout)["test/acc"] == pytest.approx(results["test/acc"])
    assert (moved / "config.yaml").exists()


def test_predict_prints_a_line_an_image_and_writes_a_csv(command, colour_run, colour_folder, tmp_path):
    images = colour_folder / "test"
    done = command("predict.py", f"run={colour_run}", f"images={images}", "out=../classes.csv", "top=2")
    assert done.wait() == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 14
    rows = list(csv.DictReader((tmp_path / "classes.csv").open()))
    assert len(rows) == 28
    for line, row in zip(lines, rows[::2], strict=True):
        assert line.startswith(f"{row['image']}  {row['class']} {float(row['probability']):.4f}")
        assert row["rank"] == "1"
        assert row["class"] == row["image"].split("/")[-2]  # dark or light, as the folder says
    assert float(rows[0]["probability"]) + float(rows[1]["probability"]) == pytest.approx(1, abs=1e-5)


def huge_png(path):
    """A PNG of a few bytes whose header says 100000 x 100000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))


def test_an_image_that_says_it_is_huge_is_refused_undecoded(command, digits_run, tmp_path):
    huge_png(tmp_path / "huge.png")
    done = command("predict.py", f"run={digits_run}", "images=../huge.png")
    assert done.wait() == 1
    first, last = done.stderr.splitlines()
    assert "huge.png" in first
    assert "accepted: at most" in first
    assert last == "error: 1 of 1 images could not be classified; each is named above"


@pytest.mark.parametrize("content", [b"garbage", b"", b"\x89PNG\r\n\x1a\n garbage", b"GIF89a"])
def test_a_damaged_image_is_named(digits_run, tmp_path, content):
    (tmp_path / "bad.png").write_bytes(content)
    [found] = predict(digits_run, tmp_path / "bad.png")
    assert (found.image.name, found.classes) == ("bad.png", ())
    assert found.error


def test_a_folder_without_images_is_named(digits_run, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="no images below it"):
        predict(digits_run, tmp_path)


def test_evaluate_without_a_test_split_says_so(command, make_folder, tmp_path):
    from launch import train_here

    root = make_folder("L", train=10)
    words = ("data=image_folder", f"data.root={root}", "data.image_size=8", "data.channels=1", "data.batch_size=4")
    results = train_here(tmp_path / "run", *words)
    assert results["status"] == "finished"
    assert results["test/acc"] is None
    done = command("evaluate.py", "run=../run")
    assert done.wait() == 2
    assert "has no test split" in done.stderr


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda config: config["model"].update(hiden_dims=[3]), "hiden_dims"),
        (lambda config: config["model"].update(hidden_dims=7), "model.hidden_dims=7: must be a valid list"),
        (lambda config: config.pop("trainer"), "not the config of a run"),
    ],
    ids=["unknown argument", "wrong type", "no trainer"],
)
def test_a_config_file_that_was_edited_into_nonsense_is_named(command, own_run, edit, expected):
    file = own_run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    edit(config)
    file.write_text(yaml.safe_dump(config))
    done = command("evaluate.py", f"run={own_run}")
    assert done.wait() == 2, done.stderr
    assert expected in done.stderr
    assert str(own_run) in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("script", ["evaluate.py", "predict.py"])
def test_an_output_file_that_cannot_be_written_is_named(command, digits_run, tmp_path, script):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    images = ["images=../a.png"] if script == "predict.py" else []
    done = command(script, f"run={digits_run}", "out=..", *images)
    assert done.wait() == 2, done.stderr
    assert "cannot be written" in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_accelerator_that_is_not_there_is_named(command, digits_run):
    done = command("evaluate.py", f"run={digits_run}", "accelerator=cuda")
    assert done.wait() == 2, done.stderr
    assert "error: accelerator=cuda: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
