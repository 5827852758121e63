"""`metrics.csv` is a log: damaged in any way, it ends no run, and what was in it is not lost without a word."""

from __future__ import annotations

import csv
import logging
import random
import shutil

import pytest
from small_runs import equal, weights, with_callback

from groundup.callbacks.metrics_csv import read_rows
from groundup.errors import RunFailed
from groundup.run.run import run


def rows(path):
    with path.open(newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A whole run, one that crashed in its fourth epoch, and their config."""
    from composed import compose
    from small_runs import SMALL

    from groundup.config.check import check

    words = ("trainer.max_epochs=4", "data.limit_train=200", "logger=none", "callbacks.progress=null")
    config = check(compose("train", [*SMALL, *words]))
    folder = tmp_path_factory.mktemp("stopped")
    run(config, folder / "whole")
    with pytest.raises(RunFailed):
        run(with_callback(config, "Break", step=10), folder / "parts")
    return config, folder / "whole", folder / "parts"


def resumed(stopped, tmp_path, content):
    config, _, parts = stopped
    run_dir = shutil.copytree(parts, tmp_path / "run")
    (run_dir / "metrics.csv").write_bytes(content)
    run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
    return run_dir


def written(stopped):
    return (stopped[2] / "metrics.csv").read_bytes()


DAMAGES = {
    "empty": lambda content: b"",
    "no rows": lambda content: content.splitlines(keepends=True)[0],
    "cut in a row": lambda content: content[:-20],
    "cut in a number": lambda content: content[:-3],
    "no header": lambda content: b"".join(content.splitlines(keepends=True)[1:]),
    "another header": lambda content: content.replace(b"epoch,step", b"number,step"),
    "a header twice": lambda content: content.replace(b"epoch,step", b"epoch,epoch"),
    "bytes": lambda content: bytes(range(256)) * 20,
    "bytes in a row": lambda content: content.replace(b"\r\n1,", b"\r\n\xff\xfe1,"),
    "NULs": lambda content: content[: len(content) // 2] + b"\0" * (len(content) // 2),
    "words": lambda content: b"of the first attempt",
    "a quote": lambda content: content.replace(b"\r\n1,", b'\r\n"1,'),
    "twice": lambda content: content + content,
    "an epoch gone": lambda content: b"".join(content.splitlines(True)[:2] + content.splitlines(True)[3:]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_log_is_set_aside_with_a_word_and_its_whole_rows_stay(stopped, tmp_path, caplog, damage):
    content = DAMAGES[damage](written(stopped))
    with caplog.at_level(logging.WARNING):
        run_dir = resumed(stopped, tmp_path, content)
    assert equal(weights(stopped[1]), weights(run_dir))
    assert (run_dir / "metrics-damaged.csv").read_bytes() == content
    assert "metrics.csv is damaged" in caplog.text
    assert "metrics-damaged.csv" in caplog.text
    whole = {row["epoch"]: row for row in rows(stopped[1] / "metrics.csv")}
    left = rows(run_dir / "metrics.csv")
    assert [row["epoch"] for row in left] == sorted({row["epoch"] for row in left})
    assert all(whole[row["epoch"]] == row for row in left)
    assert "3" in {row["epoch"] for row in left}  # trained after the damage


def test_a_log_that_is_whole_is_left_in_place_without_a_word(stopped, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        run_dir = resumed(stopped, tmp_path, written(stopped))
    assert "metrics" not in caplog.text
    assert not (run_dir / "metrics-damaged.csv").exists()
    assert rows(run_dir / "metrics.csv") == rows(stopped[1] / "metrics.csv")


def test_an_earlier_damaged_file_is_not_written_over(stopped, tmp_path):
    config, _, parts = stopped
    run_dir = shutil.copytree(parts, tmp_path / "run")
    (run_dir / "metrics-damaged.csv").write_bytes(b"earlier")
    (run_dir / "metrics.csv").write_bytes(b"later")
    run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
    assert (run_dir / "metrics-damaged.csv").read_bytes() == b"earlier"
    assert (run_dir / "metrics-damaged1.csv").read_bytes() == b"later"


def test_a_link_in_its_place_is_replaced_and_what_it_points_to_stays(stopped, tmp_path):
    config, _, parts = stopped
    run_dir = shutil.copytree(parts, tmp_path / "run")
    (run_dir / "metrics.csv").rename(run_dir / "elsewhere.csv")
    (run_dir / "metrics.csv").symlink_to("elsewhere.csv")
    before = (run_dir / "elsewhere.csv").read_bytes()
    run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
    assert (run_dir / "elsewhere.csv").read_bytes() == before
    assert len(rows(run_dir / "metrics.csv")) == 4


def test_no_damage_is_read_as_rows_that_were_not_written():
    lines = ["epoch,step,seconds,lr,val/acc", *(f"{n},{n * 7},{n}.5,0.1,0.{n}5" for n in range(9))]
    content = "\r\n".join([*lines, ""]).encode()
    whole, unread = read_rows(content)
    assert (len(whole), unread) == (9, 0)
    generator = random.Random(0)
    for _ in range(2000):  # bytes cut out, or put in; a digit that becomes another digit nobody can see
        start, length = generator.randrange(len(content)), generator.randrange(1, 30)
        put = generator.choice([b"", b"\0", b"\xff\n", b"x", b","])
        found, _ = read_rows(content[:start] + put + content[start + length :])
        numbers = [int(row["epoch"]) for row in found]
        assert numbers == sorted(set(numbers))
