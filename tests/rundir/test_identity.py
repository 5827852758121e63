"""A checkpoint of another run in a run's place is noticed, wherever checkpoints are read."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml
from PIL import Image
from small_runs import with_callback

from groundup.errors import Interrupted, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run
from groundup.rundir.identity import KEY, identity_of, new_identity

ANOTHER = "it belongs to another run than its directory"


def checkpoint(run_dir, name):
    return run_dir / "checkpoints" / f"{name}.ckpt"


@pytest.fixture
def two_runs(make_config, tmp_path):
    """Of one network; the first was stopped in its second epoch."""
    with pytest.raises(Interrupted):
        run(with_callback(make_config(), "SignalAt", step=30), tmp_path / "one")
    run(make_config("optimizer.lr=0.2"), tmp_path / "other")
    return tmp_path / "one", tmp_path / "other"


def test_a_run_knows_its_checkpoints_and_keeps_its_name_when_it_goes_on_or_is_moved(two_runs, make_config, tmp_path):
    one, other = two_runs
    name = identity_of(one)
    assert {load_checkpoint(checkpoint(one, kind))[KEY] for kind in ("best", "last")} == {name}
    assert name != identity_of(other)
    one.rename(tmp_path / "moved")
    run(make_config(), tmp_path / "moved", resume=checkpoint(tmp_path / "moved", "last"))
    assert identity_of(tmp_path / "moved") == name == load_checkpoint(checkpoint(tmp_path / "moved", "best"))[KEY]
    assert yaml.safe_load((tmp_path / "moved" / "config.yaml").read_text()) == make_config()  # no setting


@pytest.mark.parametrize("kind", ["best", "last"])
def test_evaluate_and_predict_refuse_the_checkpoint_of_another_run(two_runs, tmp_path, kind):
    one, other = two_runs
    shutil.copy(checkpoint(one, kind), checkpoint(other, kind))
    with pytest.raises(UserError, match=ANOTHER):
        evaluate(other, ckpt=kind)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=ANOTHER):
        predict(other, tmp_path / "a.png", ckpt=kind)
    assert evaluate(other, ckpt=str(checkpoint(one, kind)))["test/acc"] > 0.1  # by its path, as documented


def test_a_run_does_not_go_on_from_the_checkpoint_of_another(two_runs, make_config):
    one, other = two_runs
    before = (one / "results.json").read_text()
    shutil.copy(checkpoint(other, "last"), checkpoint(one, "last"))
    with pytest.raises(UserError, match=ANOTHER):
        run(make_config(), one, resume=checkpoint(one, "last"))
    assert (one / "results.json").read_text() == before


def test_the_same_config_makes_the_same_name_and_any_other_another(make_config):
    name = new_identity(make_config())
    assert new_identity(make_config() | {"resume": "auto"}) == name
    others = [make_config(word) for word in ("optimizer.lr=0.2", "seed=1", "trainer.max_epochs=3", "model.dropout=0.1")]
    assert len({name, *map(new_identity, others)}) == 5


def test_a_new_run_goes_on_from_a_checkpoint_elsewhere_under_its_name(two_runs, make_config, tmp_path):
    one, _ = two_runs
    shutil.copy(checkpoint(one, "last"), tmp_path / "some.ckpt")
    results = run(make_config(), tmp_path / "new", resume=tmp_path / "some.ckpt")
    assert results["status"] == "finished"
    assert identity_of(tmp_path / "new") == identity_of(one)


def test_runs_that_do_not_say_who_they_are_still_go_on_and_are_read(two_runs, make_config, tmp_path):
    """Those of version 0.1, and those whose config was written by hand."""
    one, other = two_runs
    for kind in ("best", "last"):
        old = torch.load(checkpoint(one, kind), weights_only=True)
        del old[KEY]
        torch.save(old, checkpoint(one, kind))
    (one / "config.yaml").write_text(yaml.safe_dump(make_config()))
    assert identity_of(one) is None
    assert evaluate(one)["test/acc"] > 0.1
    run(make_config(), one, resume=checkpoint(one, "last"))
    assert json.loads((one / "results.json").read_text())["status"] == "finished"
    (other / "config.yaml").write_text(yaml.safe_dump(make_config("optimizer.lr=0.2")))
    run(make_config("optimizer.lr=0.2"), other, resume=checkpoint(other, "last"))
    assert identity_of(other) == load_checkpoint(checkpoint(other, "best"))[KEY]  # as it was


@pytest.mark.parametrize("name", [3, None, "x", "0" * 15 + "\n", ["0" * 16], "# a: b\n" * 3])
def test_a_name_that_is_none_is_not_taken_over(two_runs, make_config, tmp_path, name):
    one, _ = two_runs
    forged = torch.load(checkpoint(one, "last"), weights_only=True) | {KEY: name}
    torch.save(forged, tmp_path / "some.ckpt")
    run(make_config(), tmp_path / "new", resume=tmp_path / "some.ckpt")
    assert yaml.safe_load((tmp_path / "new" / "config.yaml").read_text()) == make_config()


def test_a_damaged_checkpoint_ends_a_resume_in_words_and_leaves_the_run_as_it_was(two_runs, make_config):
    one, _ = two_runs
    last, before = checkpoint(one, "last"), (one / "results.json").read_text()
    damaged = bytearray(last.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    last.write_bytes(damaged)
    with pytest.raises(UserError, match=r"last\.ckpt: refused, it is damaged"):
        run(make_config(), one, resume=last)
    assert (one / "results.json").read_text() == before


def test_lightning_reads_checkpoints_no_other_way(two_runs, make_config, tmp_path):
    from groundup.callbacks.interrupt import StopOnSignal
    from groundup.run.parts import assemble

    one, _ = two_runs
    last = checkpoint(one, "last")
    damaged = bytearray(last.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "bad.ckpt").write_bytes(damaged)
    parts = assemble(make_config(), one, StopOnSignal())
    with pytest.raises(UserError, match="damaged"):
        parts.trainer.fit(parts.learner, datamodule=parts.data, ckpt_path=tmp_path / "bad.ckpt", weights_only=True)


@pytest.mark.parametrize("change", ["model.activation=tanh", "loss=mse"])
def test_weights_of_another_network_of_the_same_shapes_are_refused(small_run, make_config, tmp_path, change):
    _, own = small_run
    other = tmp_path / "changed"
    run(make_config("model.dropout=0.1", change), other)
    path = checkpoint(other, "best")
    key = "model.activation=tanh" if "model" in change else "loss.name=mse"
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    for read in (evaluate, lambda run_dir, ckpt: list(predict(run_dir, tmp_path / "a.png", ckpt))):
        with pytest.raises(UserError, match=f"made by another network, with {key}"):
            read(own, ckpt=str(path))
    assert evaluate(other)["test/loss"] != evaluate(own)["test/loss"]  # else nothing would be told apart


def test_a_run_does_not_go_on_from_a_lone_checkpoint_of_another_network_of_the_same_shapes(
    small_run, make_config, tmp_path
):
    _, own = small_run
    lone = shutil.copy(checkpoint(own, "last"), tmp_path / "lone.ckpt")
    config = make_config("model.dropout=0.1", "model.activation=tanh", "trainer.max_epochs=3")
    with pytest.raises(UserError, match=r"with model\.activation=relu, where this run has model\.activation=tanh"):
        run(config, tmp_path / "new", resume=lone)
    config = make_config("model.dropout=0.1", "optimizer.weight_decay=0.3", "trainer.max_epochs=3")
    with pytest.raises(UserError, match=r"where this run has optimizer\.weight_decay=0\.3"):
        run(config, tmp_path / "new", resume=lone)
