"""Which run is gone on with."""

from __future__ import annotations

import contextlib
import json
import random

import filelock
import pytest
import yaml

from groundup.config.check import check
from groundup.errors import UserError
from groundup.report.find import find_runs
from groundup.run.resume import _newest_unfinished, _refuse_another_net, begins_alone, find_resume, resume_checkpoint
from groundup.rundir.figure import number_in
from groundup.rundir.lock import holding
from groundup.rundir.names import LAST, LOCK
from groundup.rundir.state import read_state


def resumed(cfg, runs):
    """The run directory that a config means."""
    return find_resume(check(cfg), runs)


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
    assert resumed(compose_config("resume=auto"), runs) == newest


def test_auto_begins_anew_where_there_is_nothing_to_resume(compose_config, runs):
    assert resumed(compose_config("resume=auto"), runs) is None


def test_auto_may_train_longer_and_watch_differently(compose_config, make_run, runs):
    run_dir = make_run("a")
    assert resumed(compose_config("resume=auto", "trainer.max_epochs=99", "logger=none"), runs) == run_dir
    assert resumed(compose_config("resume=auto", "seed=1"), runs) is None


def test_auto_leaves_a_run_alone_that_is_going_on(compose_config, make_run, runs):
    run_dir = make_run("a")
    with filelock.FileLock(run_dir / LOCK):
        assert resumed(compose_config("resume=auto"), runs) is None
    assert resumed(compose_config("resume=auto"), runs) == run_dir


def test_a_run_or_a_checkpoint_in_it_is_used_again(compose_config, make_run, runs):
    run_dir = make_run("a")
    (run_dir / "checkpoints" / "best.ckpt").write_bytes(b"x")
    for resume in (run_dir, run_dir / "checkpoints" / "best.ckpt"):
        cfg = compose_config(f"resume={resume}")
        assert resumed(cfg, runs) == run_dir
    assert resume_checkpoint(check(cfg), run_dir) == run_dir / "checkpoints" / "best.ckpt"
    assert resume_checkpoint(check(compose_config(f"resume={run_dir}")), run_dir) == run_dir / LAST


def test_a_checkpoint_from_elsewhere_begins_a_new_run(compose_config, tmp_path, runs):
    (tmp_path / "some.ckpt").write_bytes(b"x")
    cfg = compose_config(f"resume={tmp_path}/some.ckpt")
    assert resumed(cfg, runs) is None
    assert resume_checkpoint(check(cfg), runs / "new") == tmp_path / "some.ckpt"


def test_what_is_not_there_is_refused(compose_config, tmp_path, runs):
    with pytest.raises(UserError, match=r"resume=.*nowhere.*accepted: auto, a checkpoint"):
        resumed(compose_config(f"resume={tmp_path}/nowhere"), runs)
    with pytest.raises(UserError, match=r"last\.ckpt"):
        resume_checkpoint({"resume": str(tmp_path)}, runs)


@pytest.mark.parametrize("asked", [["model=mlp"], ["data=mnist"], ["model.width=8"]])
def test_another_net_is_refused_naming_both(compose_config, make_run, runs, asked):
    run_dir = make_run("a")
    key, value = asked[0].split("=")
    with pytest.raises(UserError, match=f"{key}.*but this command says .*{value}"):
        resumed(compose_config(f"resume={run_dir}", *asked), runs)


def test_auto_in_a_directory_with_a_last_checkpoint_goes_on_from_it(make_run, runs):
    run_dir = make_run("a")
    assert resume_checkpoint({"resume": "auto"}, run_dir) == run_dir / LAST
    assert resume_checkpoint({"resume": "auto"}, runs / "new") is None
    assert resume_checkpoint({"resume": None}, run_dir) is None


@pytest.mark.parametrize("override", ["seed=1", "data.limit_train=100", "data.val_fraction=0.2", "optimizer=adam"])
def test_a_run_is_not_gone_on_with_other_images_or_another_optimizer(compose_config, make_run, runs, override):
    run_dir = make_run("a")
    with pytest.raises(UserError, match=override.split("=")[0]):
        resumed(compose_config(f"resume={run_dir}", override), runs)
    assert resumed(compose_config(f"resume={run_dir}", "trainer.max_epochs=99"), runs) == run_dir


@pytest.mark.parametrize(
    "override",
    [
        "optimizer.momentum=0.1",  # PyTorch takes it from the checkpoint: it would have no effect
        "optimizer.weight_decay=0.3",
        "loss=mse",  # whose figures would be compared with those of the other
        "loss.label_smoothing=0.1",
        "+trainer.limit_val_batches=1",  # figures over other images likewise
    ],
)
def test_a_run_is_not_gone_on_with_what_would_have_no_effect_or_be_compared_with_another(
    compose_config, make_run, runs, override
):
    run_dir = make_run("a")
    with pytest.raises(UserError, match=override.split("=")[0].lstrip("+")):
        resumed(compose_config(f"resume={run_dir}", override), runs)
    for free in ("optimizer.lr=0.5", "optimizer.fused=false", "scheduler=cosine"):
        assert resumed(compose_config(f"resume={run_dir}", free), runs) == run_dir


def test_a_directory_without_its_config_is_no_run_but_its_checkpoint_may_be_named(compose_config, make_run, runs):
    run_dir = make_run("a")
    (run_dir / "config.yaml").unlink()
    with pytest.raises(UserError, match=f"no config.yaml there.*resume={run_dir / LAST}"):
        resumed(compose_config(f"resume={run_dir}"), runs)
    assert resumed(compose_config(f"resume={run_dir / LAST}"), runs) is None


DAMAGED = [
    "",
    "{",
    "[]",
    "3",
    "null",
    '{"status": 3}',
    '{"status": ["finished"]}',
    '{"status": "fini',
    "\0",
    "[" * 10**5,
]


@pytest.mark.parametrize("content", [*DAMAGED, '{"a": ' * 60 + "1" + "}" * 60], ids=lambda content: content[:20])
def test_auto_goes_on_with_a_run_whose_results_are_damaged_and_says_so(compose_config, make_run, runs, content, caplog):
    make_run("2026-01-01_00-00-00-aaaaaa")
    damaged = make_run("2026-01-02_00-00-00-bbbbbb")
    (damaged / "results.json").write_text(content)
    assert resumed(compose_config("resume=auto"), runs) == damaged
    assert f"{damaged}/results.json cannot be read" in caplog.text


def test_auto_passes_over_what_cannot_be_read_of_other_runs(compose_config, make_run, runs, caplog):
    good = make_run("2026-01-01_00-00-00-aaaaaa")
    contents = [b"", b"{", b"\xff", b"a: [", b"\0", b"- 1", b"[" * 10**4, b"seed: " + b"9" * 10**4]
    for number, content in enumerate(contents):
        (make_run(f"2026-01-02_00-00-0{number}-aaaaaa") / "config.yaml").write_bytes(content)
    folder = make_run("2026-01-03_00-00-00-aaaaaa") / "config.yaml"
    folder.unlink()
    folder.mkdir()
    make_run("2026-01-04_00-00-00-aaaaaa", "optimizer.lr=0.5", status=None)
    (runs / "a file").touch()
    assert resumed(compose_config("resume=auto"), runs) == good
    assert caplog.text.count("passed over") == len(contents) + 1


def test_a_fuzz_of_damaged_files_is_answered_in_words(compose_config, make_run, runs):
    """Seeded damage of the results and the config of a run, which resume=auto, tables and reports read."""
    run_dir = make_run("2026-01-02_00-00-00-bbbbbb")
    known = {"status": "finished", "test/acc": 0.5, "best_epoch": 1, "error": None, "overrides": ["seed=1"]}
    (run_dir / "results.json").write_text(json.dumps(known, indent=2))
    wholes = {name: (run_dir / name).read_bytes() for name in ("results.json", "config.yaml")}
    generator, config, passed_over = random.Random(0), check(compose_config(f"resume={run_dir}")), 0
    for attempt in range(300):
        name = generator.choice(list(wholes))
        (run_dir / name).write_bytes(damaged(wholes[name], generator))
        state = read_state(run_dir)
        assert state.status in ("finished", "failed", "interrupted", "killed"), attempt
        assert all(number is None or abs(number) < 1e309 for number in (number_in(state.results, "test/acc"),))
        passed_over += _newest_unfinished(config, runs) is None
        with contextlib.suppress(UserError):
            _refuse_another_net(config, run_dir)
        find_runs([run_dir])
        (run_dir / name).write_bytes(wholes[name])
    assert 0 < passed_over < 300


def damaged(whole, generator):
    """A copy of a file's content with one thing wrong."""
    content, place = bytearray(whole), generator.randrange(len(whole))
    values = (
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5000,
        b"9" * 400,
        b"null",
        b"[]",
        b"{}",
        b'""',
        b"true",
        b"[" * 3000,
    )
    kind = generator.randrange(5)
    if kind == 0:
        return content[:place]
    if kind == 1:
        content[place] ^= 1 << generator.randrange(8)
    elif kind == 2:
        content[place : place + 20] = bytes(20)
    elif kind == 3:
        content[place:place] = generator.randbytes(5)
    else:
        start = content.find(b": ", place) + 2
        content[start : content.find(b"\n", start)] = generator.choice(values)
    return content


# Two at once

NEW = "2026-02-0{}_00-00-00-aaaaaa"


def test_of_two_that_begin_a_run_of_one_config_by_auto_the_second_is_refused(compose_config, runs):
    config = check(compose_config("resume=auto"))
    longer = check(compose_config("resume=auto", "trainer.max_epochs=99"))  # the same to auto
    other = check(compose_config("resume=auto", "seed=1"))
    with begins_alone(config, runs / NEW.format(1)):
        with pytest.raises(UserError, match="resume=auto: a run of this config has begun in another process"):
            begins_alone(longer, runs / NEW.format(2)).__enter__()
        with begins_alone(other, runs / NEW.format(3)):
            pass
    with begins_alone(longer, runs / NEW.format(2)):
        pass


def test_auto_begins_no_second_run_while_one_of_the_config_goes_on_however_that_was_begun(
    compose_config, make_run, runs
):
    config = check(compose_config("resume=auto"))
    going_on = make_run(NEW.format(1), status=None, checkpoint=False)
    with holding(going_on / LOCK), pytest.raises(UserError, match=f"is going on in {going_on}; wait for its end"):
        begins_alone(config, runs / NEW.format(2)).__enter__()
    with holding(going_on / LOCK), begins_alone(check(compose_config("resume=auto", "seed=1")), runs / NEW.format(2)):
        pass
    with begins_alone(config, runs / NEW.format(2)):
        pass  # it has left no checkpoint


def test_auto_begins_no_run_beside_one_that_was_stopped_after_it_had_looked(compose_config, make_run, runs):
    stopped = make_run(NEW.format(1))
    with pytest.raises(UserError, match=f"{stopped} has just been stopped; repeat the command to go on with it"):
        begins_alone(check(compose_config("resume=auto")), runs / NEW.format(2)).__enter__()


def test_where_there_is_no_choice_no_leave_is_needed(compose_config, make_run, runs, monkeypatch):
    stopped, config = make_run(NEW.format(1)), check(compose_config("resume=auto"))
    with begins_alone(config, runs / "named by the user"), begins_alone(config, stopped):
        pass
    with begins_alone(check(compose_config()), runs / NEW.format(2)):
        pass
    monkeypatch.setenv("LOCAL_RANK", "1")  # a second process of the same run
    with begins_alone(config, runs / NEW.format(2)):
        pass
    assert not list(runs.glob(".auto*"))


def test_a_folder_that_cannot_be_written_is_named(compose_config, tmp_path):
    (tmp_path / "file").touch()
    run_dir = tmp_path / "file" / NEW.format(1)
    with pytest.raises(UserError, match=rf"hydra\.run\.dir={run_dir}: cannot be written"):
        begins_alone(check(compose_config("resume=auto")), run_dir).__enter__()
