"""Files from strangers: nothing in a checkpoint or in a run's config is executed."""

from __future__ import annotations

import copy
import os
import pickle
import random

import pytest
import torch
import yaml
from launch import SMALL, small_config
from PIL import Image

from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import evaluate
from groundup.run.export import export
from groundup.run.measure import load
from groundup.run.predict import predict
from groundup.run.readback import read_config
from groundup.run.resume import find_resume
from groundup.run.trained import build_trained, read_saved
from groundup.rundir.directory import GROUPS


class OwnData(ImageData):
    """Data of the user's own."""


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return (os.system, (f"touch {self.file}",))


def as_pickle(path, payload):
    path.write_bytes(pickle.dumps(payload))


def in_torch_file(path, payload):
    torch.save({"state_dict": {}, "global_step": 0, "spec": payload}, path)


def in_old_torch_file(path, payload):
    torch.save({"state_dict": payload}, path, _use_new_zipfile_serialization=False)


WAYS = [as_pickle, in_torch_file, in_old_torch_file]


@pytest.mark.parametrize("write", WAYS)
def test_a_crafted_checkpoint_is_refused_and_not_executed(tmp_path, write):
    write(tmp_path / "bad.ckpt", Payload(tmp_path / "executed"))
    with pytest.raises(UserError, match=r"bad\.ckpt: refused"):
        load_checkpoint(tmp_path / "bad.ckpt")
    assert not (tmp_path / "executed").exists()
    # negative control: the payload works
    if write is as_pickle:
        pickle.loads((tmp_path / "bad.ckpt").read_bytes())
    else:
        torch.load(tmp_path / "bad.ckpt", weights_only=False)
    assert (tmp_path / "executed").exists()


def refused(done, what):
    assert done.wait() == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert what in done.stderr


@pytest.mark.parametrize("place", ["resume", "ckpt", "best of evaluate", "best of predict"])
def test_no_command_executes_a_crafted_checkpoint(command, own_run, tmp_path, place):
    into = own_run / "checkpoints" / "best.ckpt" if place.startswith("best") else tmp_path / "bad.ckpt"
    in_torch_file(into, Payload(tmp_path / "executed"))
    words = {
        "resume": ["train.py", *SMALL, f"resume={into}", f"hydra.run.dir={tmp_path}/new"],
        "ckpt": ["evaluate.py", f"run={own_run}", f"ckpt={into}"],
        "best of evaluate": ["evaluate.py", f"run={own_run}"],
        "best of predict": ["predict.py", f"run={own_run}", f"images={own_run}"],
    }[place]
    if place == "best of predict":
        (own_run / "image.png").touch()
    refused(command(*words), "refused, it is damaged or holds more than tensors and plain values")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("group", "target", "argument"),
    [
        ("model", "os.system", "touch {}"),
        ("model", "groundup.run.run.logging.os.system", "touch {}"),
        ("data", "torch.load", "{}"),
        ("loss", "torch.hub.load", "{}"),
        ("model", "lightning.pytorch.Trainer", "{}"),
        ("model", ["os.system"], "touch {}"),
    ],
)
@pytest.mark.parametrize("script", ["evaluate.py", "predict.py"])
def test_a_run_whose_config_names_foreign_code_is_refused(command, own_run, tmp_path, script, group, target, argument):
    group = "model" if script == "predict.py" and group == "data" else group  # it builds none, see the next test
    file = own_run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config[group] |= {"_target_": target, "_args_": [argument.format(tmp_path / "executed")]}
    file.write_text(yaml.safe_dump(config))
    images = [f"images={own_run}"] if script == "predict.py" else []
    (own_run / "image.png").touch()
    refused(command(script, f"run={own_run}", *images), "refused")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("group", ["optimizer", "scheduler", "callbacks", "logger", "data"])
def test_what_a_reader_does_not_build_may_be_anybodys_and_is_not_even_imported(own_run, tmp_path, group):
    code = {"name": "x", "_target_": "os.system", "command": f"touch {tmp_path}/executed"}
    metrics = evaluate(own_run, accelerator="cpu")
    file = own_run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config[group] = {"x": code} if group in ("callbacks", "logger") else code
    file.write_text(yaml.safe_dump(config))
    image = tmp_path / "image.png"
    Image.new("L", (8, 8), 128).save(image)
    assert len(list(predict(own_run, image))) == 1
    if group == "data":  # the control: this one is built
        with pytest.raises(UserError, match=r"data\._target_=os\.system: refused"):
            evaluate(own_run, accelerator="cpu")
    else:
        assert evaluate(own_run, accelerator="cpu") == metrics
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "text",
    [
        "seed: !!python/object/apply:os.system ['touch {}']",
        "? !!python/name:os.system ''\n: {}",
        "seed: [",
        "\x00",
        "- 1",
    ],
    ids=["object", "name", "broken", "binary", "list"],
)
@pytest.mark.parametrize("script", ["evaluate.py", "train.py"])
def test_a_crafted_config_file_is_refused(command, own_run, tmp_path, script, text):
    (own_run / "config.yaml").write_text(text.format(tmp_path / "executed"))
    words = [*SMALL, f"resume={own_run}"] if script == "train.py" else [f"run={own_run}"]
    done = command(script, *words)
    assert done.wait() == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert str(own_run) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "executed").exists()


def test_resuming_builds_what_the_command_says_not_what_the_run_directory_says(command, own_run, tmp_path):
    file = own_run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    code = {"name": "x", "_target_": "os.system", "command": f"touch {tmp_path}/executed"}
    words = ("train.py", *SMALL, "trainer.max_epochs=5", f"resume={own_run}")
    file.write_text(yaml.safe_dump(config | {"loss": code}))
    done = command(*words)
    assert (done.wait(), "that run has loss." in done.stderr) == (2, True), done.stderr
    config["scheduler"] = code
    config["callbacks"]["x"] = dict(code)
    file.write_text(yaml.safe_dump(config))
    done = command(*words)
    assert done.wait() == 0, done.stderr
    assert not (tmp_path / "executed").exists()
    assert "os.system" not in file.read_text()  # the command's own config is written in its place


def edit(run_dir, **groups):
    """Writes values into the groups of a run's config."""
    file = run_dir / "config.yaml"
    config = yaml.safe_load(file.read_text())
    for group, values in groups.items():
        config[group] |= values
    file.write_text(yaml.safe_dump(config))


@pytest.mark.parametrize("own", [False, True], ids=["data of ours", "data of our own package"])
def test_resuming_imports_nothing_that_the_run_directory_names(own_run, tmp_path, monkeypatch, own):
    (tmp_path / "evil_data.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    edit(own_run, data={"_target_": "evil_data.Data"})
    config = small_config() | {"resume": str(own_run)}
    if own:
        config["data"] = config["data"] | {"_target_": f"{__name__}.OwnData"}
    with pytest.raises(UserError, match=r"that run has data\._target_=evil_data\.Data, but this command says"):
        find_resume(config, own_run.parent)


@pytest.fixture
def fetched(monkeypatch):
    """What `data.module` would have fetched: name, root and mirror."""
    calls = []
    monkeypatch.setattr(
        "groundup.data.module.ensure", lambda name, root, mirror, kind: calls.append((name, str(root), mirror))
    )
    return calls


def test_nothing_is_fetched_from_the_mirror_of_a_run(own_run, fetched, tmp_path):
    edit(own_run, data={"mirror": "http://stranger.invalid"})
    evaluate(own_run, accelerator="cpu")
    evaluate(own_run, accelerator="cpu", data={"mirror": "http://mine.invalid"})
    root = yaml.safe_load((own_run / "config.yaml").read_text())["data"]["root"]
    assert fetched == [("digits", root, None), ("digits", root, "http://mine.invalid")]


def test_nothing_is_downloaded_to_where_a_run_says(own_run, fetched, tmp_path):
    edit(own_run, data={"name": "mnist", "root": str(tmp_path / "theirs")})
    with pytest.raises(UserError, match=r"files of mnist are missing in .*theirs.*; name the folder: data\.root=DIR"):
        evaluate(own_run, accelerator="cpu")
    assert fetched == []
    assert not (tmp_path / "theirs").exists()
    # the control: the same folder named by the command would be asked for
    with pytest.raises(UserError, match="its images are of 1x28x28, those of the network of 1x8x8"):
        evaluate(own_run, accelerator="cpu", data={"root": str(tmp_path / "theirs")})


READERS = {
    "evaluate": lambda run_dir, images: evaluate(run_dir, accelerator="cpu"),
    "export": lambda run_dir, images: export(run_dir, run_dir / "model.pt2", "pt2"),
    "measure": lambda run_dir, images: load(run_dir, 2),
    "predict": lambda run_dir, images: list(predict(run_dir, images)),
}


@pytest.mark.parametrize("reader", READERS)
def test_weights_of_another_network_are_refused_though_they_fit(own_run, tmp_path, reader):
    """An activation has no weights: all would go well, and the answers be wrong."""
    Image.new("L", (8, 8)).save(tmp_path / "image.png")
    edit(own_run, model={"activation": "tanh"})
    with pytest.raises(UserError, match=r"made by another network, with model\.activation="):
        READERS[reader](own_run, tmp_path / "image.png")


def test_a_network_that_fits_in_no_memory_is_refused_before_it_is_built(own_run):
    config = read_config(own_run, ("model", "loss"))
    saved = read_saved(own_run, config, "best")
    assert build_trained(own_run, config, saved).training is False
    config["model"] = {"_target_": "groundup.models.mlp.MLP", "name": "mlp", "hidden_dims": [10**6] * 2}
    with pytest.raises(UserError, match=r"model\.hidden_dims=.*: at least .* weights"):
        build_trained(own_run, config, saved)


VALUES = [
    *(None, True, 0, -1, 10**9, 10**30, 0.5, -0.1, 1e300, float("nan"), float("inf")),
    *("", "x", "../..", "${oc.env:HOME}", "???", "\x1b[31m", "64-true", "image_folder", "mnist", "a" * 5000),
    *([], [1], [10**9], ["x"], [[0, 1]], {}, {"a": 1}, {"_target_": "os.system"}),
    *("torch.nn.Linear", "groundup.models.cnn.CNN", "groundup.learning.losses.SquaredError"),
    {"_target_": "torch.nn.Linear", "in_features": 10**6, "out_features": 10**6},
]
KEYS = ["_args_", "_convert_", "_recursive_", "_partial_", "_target_", "weights", "name", "x", 3]


def mutant(config, draw):
    """A config with one to three values removed, added or replaced."""
    config = copy.deepcopy(config)
    for _ in range(draw.randint(1, 3)):
        node, key = draw.choice(list(places(config)))
        if draw.random() < 0.2:
            del node[key]
        elif isinstance(node[key], dict) and draw.random() < 0.5:
            node[key][draw.choice(KEYS)] = copy.deepcopy(draw.choice(VALUES))
        else:
            node[key] = copy.deepcopy(draw.choice(VALUES))
    return config


def places(node):
    for key, value in node.items():
        yield node, key
        if isinstance(value, dict):
            yield from places(value)


@pytest.mark.parametrize(
    ("seed", "mutants"), [(0, 60), pytest.param(1, 1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_mutant_of_a_config_is_read_or_refused_in_a_sentence(own_run, seed, mutants):
    """Any other exception fails."""
    draw = random.Random(seed)
    config = yaml.safe_load((own_run / "config.yaml").read_text())
    config = {key: config[key] for key in (*GROUPS, "seed")}
    refusals, read = [], 0
    for _ in range(mutants):
        (own_run / "config.yaml").write_text(yaml.safe_dump(mutant(config, draw)))
        try:
            evaluate(own_run, accelerator="cpu")
            read += 1
        except UserError as error:
            refusals.append(str(error))
    assert [text for text in refusals if len(text) > 1000 or not text.isprintable()] == []
    assert min(read, len(refusals)) > mutants // 20
