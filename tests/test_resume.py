"""Which run is gone on with."""

from __future__ import annotations

import json

import filelock
import pytest
import yaml

from groundup.config import check
from groundup.errors import UserError
from groundup.lock import LOCK
from groundup.resume import LAST, find_resume, resume_checkpoint


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs" / "cnn-digits"


@pytest.fixture
def make_run(compose_config, runs):
    def make(name, *overrides, status="interrupted", checkpoint=True):
        run_dir = runs / name
        (run_dir / "checkpoints").mkdir(parents=True)
        (run_dir / "config.yaml").write_text(yaml.safe_dump(check(compose_config(*overrides))))
        if checkpoint:
            (run_dir / LAST).write_bytes(b"x")
        if status:
            (run_dir / "results.json").write_text(json.dumps({"status": status}))
        return run_dir

    return make


def test_auto_takes_the_newest_unfinished_run_of_the_config(compose_config, make_run, runs):
    make_run("2026-01-01_00-00-00-aaaaaa")
    newest = make_run("2026-01-02_00-00-00-bbbbbb", status=None)  # killed
    make_run("2026-01-03_00-00-00-cccccc", status="finished")
    make_run("2026-01-04_00-00-00-dddddd", checkpoint=False)
    make_run("2026-01-05_00-00-00-eeeeee", "optimizer.lr=0.5")
    assert find_resume(compose_config("resume=auto"), runs) == newest


def test_auto_begins_anew_where_there_is_nothing_to_resume(compose_config, runs):
    assert find_resume(compose_config("resume=auto"), runs) is None


def test_auto_may_train_longer_and_watch_differently(compose_config, make_run, runs):
    run_dir = make_run("a")
    assert find_resume(compose_config("resume=auto", "trainer.max_epochs=99", "logger=none"), runs) == run_dir
    assert find_resume(compose_config("resume=auto", "seed=1"), runs) is None


def test_auto_leaves_a_run_alone_that_is_going_on(compose_config, make_run, runs):
    run_dir = make_run("a")
    with filelock.FileLock(run_dir / LOCK):
        assert find_resume(compose_config("resume=auto"), runs) is None
    assert find_resume(compose_config("resume=auto"), runs) == run_dir


def test_a_run_or_a_checkpoint_in_it_is_used_again(compose_config, make_run, runs):
    run_dir = make_run("a")
    (run_dir / "checkpoints" / "best.ckpt").write_bytes(b"x")
    for resume in (run_dir, run_dir / "checkpoints" / "best.ckpt"):
        cfg = compose_config(f"resume={resume}")
        assert find_resume(cfg, runs) == run_dir
    assert resume_checkpoint(check(cfg), run_dir) == run_dir / "checkpoints" / "best.ckpt"
    assert resume_checkpoint(check(compose_config(f"resume={run_dir}")), run_dir) == run_dir / LAST


def test_a_checkpoint_from_elsewhere_begins_a_new_run(compose_config, tmp_path, runs):
    (tmp_path / "some.ckpt").write_bytes(b"x")
    cfg = compose_config(f"resume={tmp_path}/some.ckpt")
    assert find_resume(cfg, runs) is None
    assert resume_checkpoint(check(cfg), runs / "new") == tmp_path / "some.ckpt"


def test_what_is_not_there_is_refused(compose_config, tmp_path, runs):
    with pytest.raises(UserError, match=r"resume=.*nowhere.*accepted: auto, a checkpoint"):
        find_resume(compose_config(f"resume={tmp_path}/nowhere"), runs)
    with pytest.raises(UserError, match=r"last\.ckpt"):
        resume_checkpoint({"resume": str(tmp_path)}, runs)


@pytest.mark.parametrize("asked", [["model=mlp"], ["data=mnist"], ["model.width=8"]])
def test_another_net_is_refused_naming_both(compose_config, make_run, runs, asked):
    run_dir = make_run("a")
    key, value = asked[0].split("=")
    with pytest.raises(UserError, match=f"{key}.*now asked is .*{value}"):
        find_resume(compose_config(f"resume={run_dir}", *asked), runs)


def test_auto_in_a_directory_with_a_last_checkpoint_goes_on_from_it(make_run, runs):
    run_dir = make_run("a")
    assert resume_checkpoint({"resume": "auto"}, run_dir) == run_dir / LAST
    assert resume_checkpoint({"resume": "auto"}, runs / "new") is None
    assert resume_checkpoint({"resume": None}, run_dir) is None


@pytest.mark.parametrize("override", ["seed=1", "data.limit_train=100", "data.val_fraction=0.2", "optimizer=adam"])
def test_a_run_is_not_gone_on_with_other_images_or_another_optimizer(compose_config, make_run, runs, override):
    run_dir = make_run("a")
    with pytest.raises(UserError, match=override.split("=")[0]):
        find_resume(compose_config(f"resume={run_dir}", override), runs)
    assert find_resume(compose_config(f"resume={run_dir}", "trainer.max_epochs=99"), runs) == run_dir
