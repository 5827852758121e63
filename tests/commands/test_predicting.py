"""`predict.py` among files of all kinds: what can be classified is, and at once; what cannot is named."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from launch import PROJECT, Command, wait_for
from PIL import Image

import groundup.run.classified
from groundup.command.predictions import logged, publish
from groundup.config.check import check_evaluate, check_predict
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.predictor import Predictor
from groundup.run.classified import Prediction
from groundup.run.predict import predict


def paint(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.open(newline="")))


@pytest.fixture
def images(tmp_path) -> Path:
    """Three images, and one that is none among them."""
    for number in (0, 1, 3):
        paint(tmp_path / "images" / f"{number}.png", number)
    (tmp_path / "images" / "2.png").write_bytes(b"no image")
    return tmp_path / "images"


# Bad files


def test_a_bad_file_holds_up_no_other(digits_run, images):
    found = list(predict(digits_run, images))
    assert [one.image.name for one in found] == ["0.png", "1.png", "2.png", "3.png"]
    assert [one.error is None for one in found] == [True, True, False, True]
    assert found[2] == Prediction(images / "2.png", error=found[2].error)
    assert found[2].error.startswith("not an image")
    for one in (found[0], found[1], found[3]):
        [alone] = predict(digits_run, one.image)
        assert (one.classes, one.probabilities) == (alone.classes, pytest.approx(alone.probabilities))


def test_a_bad_file_is_named_in_its_row_and_on_standard_error_and_the_exit_code_is_one(command, digits_run, images):
    done = command("predict.py", f"run={digits_run}", f"images={images}", "out=../classes.csv", "top=2")
    assert done.wait() == 1
    of_the_file, of_all = done.stderr.splitlines()
    assert of_the_file.startswith(f"error: {images}/2.png: not an image")
    assert of_all == "error: 1 of 4 images could not be classified; each is named above"
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == [f"{images}/{n}.png" for n in (0, 1, 3)]
    rows = rows_of(images.parent / "classes.csv")
    assert list(rows[0]) == ["image", "rank", "class", "probability", "error"]
    assert [Path(row["image"]).name for row in rows] == [f"{n}.png" for n in (0, 0, 1, 1, 2, 3, 3)]
    assert [bool(row["class"]) for row in rows] == [not row["error"] for row in rows]
    assert rows[4]["error"].startswith("not an image")


def test_predictions_come_as_soon_as_their_batch_is_done(digits_run, images, monkeypatch):
    monkeypatch.setattr(groundup.run.classified, "BATCH", 2)
    read = []
    original = groundup.run.classified.decode_array
    monkeypatch.setattr(
        groundup.run.classified,
        "decode_array",
        lambda file, *rest, **more: read.append(file) or original(file, *rest, **more),
    )
    predictions = predict(digits_run, images)
    assert read == []
    next(predictions)
    assert len(read) == 2  # not 4
    assert len(list(predictions)) == 3


def test_a_row_and_a_line_are_there_before_the_next_is_awaited(tmp_path, capsys):
    seen = []

    def slowly():
        for name in ("a", "b"):
            yield Prediction(Path(name), ("cat",), (0.5,))
            seen.append((capsys.readouterr().out, [row["image"] for row in rows_of(tmp_path / "out.csv")]))

    publish(slowly(), tmp_path / "out.csv")
    assert seen == [("a  cat 0.5000\n", ["a"]), ("b  cat 0.5000\n", ["a", "b"])]


def test_a_network_that_gives_no_numbers_is_said_for_each_image(digits_run, images, monkeypatch):
    original = Predictor.probabilities

    def nan_for_the_second(self, logits):
        found = original(self, logits).clone()
        found[1, 3] = torch.nan
        return found

    monkeypatch.setattr(Predictor, "probabilities", nan_for_the_second)
    found = list(predict(digits_run, images, top=2))
    assert [one.image.name for one in found if one.classes] == ["0.png", "3.png"]
    assert "no number" in found[1].error


# Odd files


def test_a_folder_of_odd_files_does_not_hang_and_loses_none(digits_run, tmp_path):
    paint(tmp_path / "all" / "good.png")
    paint(tmp_path / "all" / "folder.png" / "inside.JPG")
    paint(tmp_path / "elsewhere" / "linked.png")
    (tmp_path / "all" / "._good.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "all" / "notes.txt").touch()
    (tmp_path / "all" / "dead.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "all" / "link.png").symlink_to(tmp_path / "all" / "good.png")
    (tmp_path / "all" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "all")
    os.mkfifo(tmp_path / "all" / "pipe.png")
    found = {str(one.image.relative_to(tmp_path / "all")): one.error for one in predict(digits_run, tmp_path / "all")}
    good = {name for name, error in found.items() if error is None}
    assert good == {"good.png", "link.png", "folder.png/inside.JPG", "more/linked.png"}
    assert found.keys() - good == {"dead.png", "pipe.png"}


def test_one_file_that_is_named_has_its_error_in_the_table_as_one_of_many_has(digits_run, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(RunFailed, match="1 of 1 images could not be classified"):
        publish(predict(digits_run, tmp_path / "pipe.png"), tmp_path / "out.csv")
    [row] = rows_of(tmp_path / "out.csv")
    assert row["class"] == ""
    assert row["error"]


def test_a_table_is_written_over_a_table_alone(compose_config, digits_run, images, tmp_path):
    words = (f"run={digits_run}", f"images={images}")
    for name, content in (("old.csv", "image,rank,class\n"), ("empty.csv", ""), ("split.csv", "number,image,true\n")):
        (tmp_path / name).write_text(content)
        check_predict(compose_config(*words, f"out={tmp_path / name}", name="predict"))
    (tmp_path / "notes.md").write_text("images of my thesis\n")
    with pytest.raises(UserError, match=r"out=.*notes\.md: is there, and is no table of predictions; accepted: "):
        check_predict(compose_config(*words, f"out={tmp_path / 'notes.md'}", name="predict"))


@pytest.mark.parametrize("name", ["photo", "photo.data", ".hidden.png", "._x.png", "-.png"])
def test_a_file_that_is_named_is_taken_whatever_its_name(digits_run, tmp_path, name):
    assert len(list(predict(digits_run, paint(tmp_path / name)))) == 1


def test_a_hidden_folder_that_is_named_is_taken(digits_run, tmp_path):
    paint(tmp_path / ".photos" / "a.png")
    assert len(list(predict(digits_run, tmp_path / ".photos"))) == 1


ODD_NAMES = {
    b"caf\xe9.png": r"caf\udce9.png",  # of another encoding
    b"two\nlines.png": r"two\nlines.png",
    b"\x1b[31mred.png": r"\x1b[31mred.png",
    "日本.png".encode(): "日本.png",
    b'com,ma".png': 'com,ma".png',
}


def test_names_of_any_bytes_are_shown_harmlessly_and_end_nothing(command, digits_run, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ODD_NAMES:
        paint(tmp_path / "a.png").rename(os.fsdecode(os.fsencode(folder) + b"/" + name))
    (folder / os.fsdecode(b"bad\xff\n.png")).touch()
    done = command("predict.py", f"run={digits_run}", f"images={folder}", "out=../classes.csv")
    assert done.wait() == 1
    assert "Traceback" not in done.stderr
    assert {line.split("  ")[0] for line in done.stdout.splitlines()} == {f"{folder}/{n}" for n in ODD_NAMES.values()}
    assert done.stderr.startswith(f"error: {folder}/bad\\udcff\\n.png: ")
    rows = rows_of(tmp_path / "classes.csv")  # it is UTF-8
    expected = {Path(os.fsdecode(name)).name.encode(errors="backslashreplace").decode() for name in ODD_NAMES}
    assert {Path(row["image"]).name for row in rows if row["class"]} == expected
    assert len(rows) == 6


def test_class_names_are_shown_harmlessly(tmp_path, capsys):
    publish([Prediction(Path("=a.png"), ("\x1b[2J", "=1+1"), (0.5, 0.25))], tmp_path / "out.csv")
    assert capsys.readouterr().out == "=a.png  \\x1b[2J 0.5000  =1+1 0.2500\n"
    assert [row["class"] for row in rows_of(tmp_path / "out.csv")] == ["\x1b[2J", "'=1+1"]
    assert rows_of(tmp_path / "out.csv")[0]["image"] == "'=a.png"


def test_a_terminal_without_some_letters_shows_escapes(monkeypatch):
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", ascii_only)
    publish([Prediction(Path("a.png"), ("café",), (0.5,))], None)
    assert ascii_only.buffer.getvalue() == b"a.png  caf\\xe9 0.5000\n"


# Where it goes

ROWS = [Prediction(Path(f"{n}.png"), ("cat",), (0.5,)) for n in range(3)]


def test_a_file_that_cannot_be_written_is_named():
    with pytest.raises(UserError, match="out=/dev/full: cannot be written: No space left"):
        publish(ROWS, Path("/dev/full"))


def test_a_pipe_may_take_the_rows(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=publish, args=(ROWS, tmp_path / "pipe"))
    writer.start()
    assert len(rows_of(tmp_path / "pipe")) == 3
    writer.join()


def test_the_standard_output_may_take_the_rows_and_what_is_there_stays(tmp_path, monkeypatch):
    with (tmp_path / "all.csv").open("a") as file:
        file.write("what was there\n")
        file.flush()
        monkeypatch.setattr(sys, "stdout", file)
        publish(ROWS, Path(f"/dev/fd/{file.fileno()}"))  # what /dev/stdout is of descriptor 1
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert lines == [
        "what was there",
        "image,rank,class,probability,error",
        *(f"{n}.png,1,cat,0.500000," for n in range(3)),
    ]


class Gone(io.StringIO):
    """A standard output that nobody reads any more."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def fileno(self) -> int:
        return self.number


@pytest.fixture
def nobody_reads(monkeypatch, tmp_path):
    """Called in a test: pytest puts its own standard output in place before."""
    with (tmp_path / "stdout").open("w") as file:
        yield lambda: monkeypatch.setattr(sys, "stdout", Gone(file.fileno()))


def test_once_nobody_reads_there_is_nothing_to_go_on_for(nobody_reads):
    nobody_reads()
    taken = iter(ROWS)
    with pytest.raises(Interrupted) as stopped:
        publish(taken, None)
    assert stopped.value.signum == signal.SIGPIPE
    assert len(list(taken)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_said_in_a_line(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(Interrupted):
            publish(ROWS, None)
    assert capsys.readouterr().err == "error: standard output cannot be written: No space left on device\n"


def test_a_reader_of_the_rows_that_has_seen_enough_is_no_failure(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    rows = logged(ROWS, tmp_path / "pipe")
    next(rows)
    os.close(reader)
    with pytest.raises(Interrupted) as stopped:
        list(rows)
    assert stopped.value.signum == signal.SIGPIPE


def test_a_file_is_filled_though_nobody_reads_the_lines(nobody_reads, tmp_path):
    nobody_reads()
    publish(ROWS, tmp_path / "out.csv")
    assert len(rows_of(tmp_path / "out.csv")) == 3


def test_a_reader_that_has_seen_enough_is_no_failure(digits_run, tmp_path):
    for number in range(3):
        paint(tmp_path / "images" / f"{number}.png", number)
    words = [str(PROJECT / "predict.py"), f"run={digits_run}", f"images={tmp_path / 'images'}"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert (process.stderr.read(), process.wait(120)) == (b"", 128 + signal.SIGPIPE)


def test_ctrl_c_leaves_whole_rows(digits_run, tmp_path):
    """The rows go into a pipe, which is full long before the last of them: the command waits, and cannot end."""
    for number in range(150):
        paint(tmp_path / "images" / f"{number:03}.png", number)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "here").mkdir()
    words = (f"run={digits_run}", f"images={tmp_path / 'images'}", f"out={tmp_path / 'pipe'}", "top=10")
    command = Command.start("predict.py", *words, cwd=tmp_path / "here")
    with (tmp_path / "pipe").open("rb", buffering=0) as reader:
        wait_for(lambda: command.stdout.count("\n") > 10, "some lines")
        command.send(signal.SIGINT)
        assert command.wait() == 130
        content = b"".join(iter(lambda: reader.read(2**16), b"")).decode()
    assert command.stderr == "error: interrupted\n"
    assert content.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) % 10 == 0
    assert 100 <= len(rows) < 1500
    assert all(float(row["probability"]) <= 1 and row["error"] == "" for row in rows)


def test_an_image_is_not_written_over(compose_config, digits_run, images):
    paint(images.parent / "photo")
    photo = images.parent / "photo"
    for words in ((f"images={images}", f"out={images / '0.png'}"), (f"images={photo}", f"out={photo}")):
        with pytest.raises(UserError, match="this is an image"):
            check_predict(compose_config(f"run={digits_run}", *words, name="predict"))
    check_predict(compose_config(f"run={digits_run}", f"images={images}", "out=classes.csv", name="predict"))


OWN = ("config.yaml", "results.json", "checkpoints/best.ckpt", "metrics.csv", "train.log", "test_predictions.npz")


@pytest.mark.parametrize("name", OWN)
def test_a_file_of_a_run_is_not_written_over(compose_config, digits_run, images, name):
    own, words = digits_run / name, (f"run={digits_run}",)
    for key, command in (("out", "predict"), ("out", "evaluate"), ("predictions", "evaluate")):
        more = (f"images={images}",) if command == "predict" else ()
        check = check_predict if command == "predict" else check_evaluate
        for shown in (own, own.parent / "." / own.name):
            with pytest.raises(UserError, match=rf"^{key}=.*belongs to the run .*; choose another one"):
                check(compose_config(*words, *more, f"{key}={shown}", name=command))


def test_predictions_that_an_older_run_lacks_may_be_added_to_it(compose_config, own_run):
    """Those of their own split alone; beside a run's files everybody may have others."""
    (own_run / "test_predictions.npz").unlink()
    for split, name in (("test", "test_predictions.npz"), ("train", "train.npz"), ("test", "mine.npz")):
        words = (f"run={own_run}", f"predictions={own_run / name}", f"split={split}")
        check_evaluate(compose_config(*words, name="evaluate"))
    words = (f"run={own_run}", f"predictions={own_run / 'test_predictions.npz'}", "split=train")
    with pytest.raises(UserError, match="belongs to the run"):
        check_evaluate(compose_config(*words, name="evaluate"))
    with pytest.raises(UserError, match="out names this file, too"):
        check_evaluate(compose_config(f"run={own_run}", "predictions=x", "out=./x", name="evaluate"))


def test_all_images_bad_is_said_once_more_at_the_end(tmp_path, capsys):
    with pytest.raises(RunFailed, match="2 of 2 images"):
        publish([Prediction(Path("a"), error="x"), Prediction(Path("b"), error="y")], tmp_path / "out.csv")
    assert capsys.readouterr().err == "error: a: x\nerror: b: y\n"
    assert [row["error"] for row in rows_of(tmp_path / "out.csv")] == ["x", "y"]


# By chance

KINDS = {
    "good": lambda path: paint(path, 7),
    "garbage": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n garbage"),
    "empty": lambda path: path.touch(),
    "cut": lambda path: path.write_bytes(paint(path).read_bytes()[:60]),
    "dead link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "pipe": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "loop": lambda path: path.symlink_to(path.parent),
}
PASSED_OVER = ("folder", "loop")
TRIALS = 20


def test_every_file_of_a_folder_is_classified_or_named(digits_run, tmp_path):
    random = np.random.default_rng(0)
    for trial in range(TRIALS):
        folder = tmp_path / str(trial)
        folder.mkdir()
        made = {f"{number}.png": str(random.choice(list(KINDS))) for number in range(8)}
        for name, kind in made.items():
            KINDS[kind](folder / name)
        paint(folder / "._0.png")
        expected = {name: kind for name, kind in made.items() if kind not in PASSED_OVER}
        if not expected:
            continue
        found = {one.image.name: one for one in predict(digits_run, folder)}
        assert found.keys() == expected.keys()
        for name, one in found.items():
            assert (one.error is None) == (expected[name] == "good") == bool(one.classes), (name, expected[name])


@pytest.mark.slow
def test_a_killed_command_leaves_whole_rows(digits_run, tmp_path):
    for number in range(600):
        paint(tmp_path / "images" / f"{number:03}.png", number)
    (tmp_path / "here").mkdir()
    random, lengths = np.random.default_rng(0), []
    for trial in range(20):
        out = tmp_path / f"{trial}.csv"
        words = (f"run={digits_run}", f"images={tmp_path / 'images'}", f"out={out}", "top=3")
        command = Command.start("predict.py", *words, cwd=tmp_path / "here")
        size = int(random.integers(100, 40_000))
        wait_for(lambda out=out, size=size: out.exists() and out.stat().st_size >= size, "some rows")
        command.send(signal.SIGKILL)
        command.wait()
        rows = rows_of(out)
        assert out.read_bytes().endswith(b"\r\n")
        assert len(rows) % 3 == 0
        assert [row["rank"] for row in rows] == ["1", "2", "3"] * (len(rows) // 3)
        lengths.append(len(rows))
    assert min(lengths) < 1800  # the control: some were killed before the end
