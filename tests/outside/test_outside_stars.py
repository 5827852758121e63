"""A data set of somebody else's, by a spec that it brings itself: trained on, swept, resumed and read as ours are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from outsider.stars import Stars
from PIL import Image
from small_runs import equal, weights, with_callback

from groundup.config.check import check_run
from groundup.data.module import ImageData
from groundup.data.specs import make_spec, make_test_spec
from groundup.errors import Interrupted, UserError
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.resume import find_resume
from groundup.run.run import run
from groundup.spec import DatasetSpec
from groundup.sweep.stacked.stackable import why_not

SPEC = DatasetSpec("dots", 1, 4, 4, ("a", "b"), (0.5,), (0.25,), 8, 4)
QUIET = ("logger=none", "callbacks.progress=null")


class Dots(ImageData):
    """Gives what a test says."""

    given: dict = {}  # noqa: RUF012

    @classmethod
    def describe(cls, data):
        return SPEC

    def load_split(self, split):
        return self.given[split]


class Flipped(ImageData):
    """Changes nothing of what our data sets are."""


class Vague(ImageData):
    @classmethod
    def describe(cls, data):
        return {"classes": 2}


def images(count, dtype=np.uint8, shape=(1, 4, 4)):
    return np.arange(count * 16).reshape(count, *shape).astype(dtype)


def split_of(count, dtype=np.int64, **options):
    return images(count, **options), (np.arange(count) % 2).astype(dtype)


@pytest.fixture
def trusted(monkeypatch):
    monkeypatch.setenv("GROUNDUP_TRUST", f"outsider,{__name__}")


@pytest.fixture
def stars(with_data):
    return lambda *overrides, **options: with_data("stars", *QUIET, *overrides, **options)


def test_it_trains_and_learns_with_every_key_of_ours(stars, tmp_path, trusted):
    keys = {
        "augment": ["flip", "crop"],
        "crop_padding": 1,
        "image_size": 16,
        "tta": "mirror",
        "limit_test": 30,
        "val_fraction": 0.2,
    }
    config = stars("model=mlp", "trainer.max_epochs=15", batch_size=8, **keys)
    results = run(config, tmp_path)
    assert (results["status"], results["data"]) == ("finished", "stars")
    assert results["train/loss"] < 0.6  # ln 2 = 0.69 at first
    assert {"test/acc_tta", "test/acc"} <= results.keys()
    assert np.sum(results["test/confusion"]) == 30
    assert list(results["test/per_class"]) == ["single", "double"]
    assert evaluate(tmp_path, accelerator="cpu", data={"limit_test": None}).keys() >= {"test/acc", "test/acc_tta"}


def test_its_own_keys_and_ours_are_checked_before_anything_is_drawn(stars):
    for options, said in (
        ({"val_fractoin": 0.1}, "data.val_fractoin=0.1: there is no such key; did you mean data.val_fraction?"),
        ({"batch_size": "many"}, "data.batch_size=many: must be a whole number"),
        ({"background": "white"}, "data.background=white: there is no such key"),
        ({"decode": "fast"}, "data.decode=fast: there is no such key"),
        ({"nois": 3}, "data.nois=3: there is no such key; did you mean data.noise?"),
        ({"in_memory": False}, "data.in_memory=false: must be true"),
    ):
        with pytest.raises(UserError) as refused:
            stars(**options)
        assert str(refused.value).startswith(said)
    assert stars(noise=0)["data"]["noise"] == 0


def test_a_model_that_needs_larger_images_is_told_of_image_size(stars):
    with pytest.raises(UserError, match=r"model=lenet with data=stars: .*these have 10x10; set data.image_size=12"):
        stars("model=lenet")
    stars("model=lenet", image_size=16)


def test_a_stopped_run_goes_on_to_the_same_weights(stars, tmp_path):
    config = stars("model=mlp", "trainer.max_epochs=3", augment=["flip", "crop"])
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=7), tmp_path / "part")
    results = run(config, tmp_path / "part", tmp_path / "part" / "checkpoints" / "last.ckpt")
    assert results["status"] == "finished"
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "part"))


def test_it_goes_on_with_its_own_keys_alone(stars, tmp_path):
    run(stars("trainer.max_epochs=1", "model=mlp"), tmp_path / "run")
    config = stars("trainer.max_epochs=2", "model=mlp", f"resume={tmp_path / 'run'}")
    assert find_resume(config, tmp_path) == tmp_path / "run"
    other = stars("trainer.max_epochs=2", "model=mlp", f"resume={tmp_path / 'run'}", noise=1)
    with pytest.raises(UserError, match=r"that run has data\.noise=20, but this command says data\.noise=1"):
        find_resume(other, tmp_path)


def test_new_images_are_predicted_as_they_were_trained_on(stars, tmp_path, trusted):
    run(stars("trainer.max_epochs=1", "model=mlp"), tmp_path / "run")
    pixels, _ = Stars(Stars.describe({}), "").load_split("test")
    Image.fromarray(pixels[0, 0]).save(tmp_path / "star.png")
    [prediction] = predict(tmp_path / "run", tmp_path / "star.png")
    assert prediction.classes[0] in ("single", "double")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64, ">i4"])
@pytest.mark.parametrize("kind", ["array", "read-only", "tensor"])
def test_class_numbers_of_every_whole_kind_are_those_numbers(monkeypatch, dtype, kind):
    pixels, labels = split_of(8, np.dtype(dtype))
    if kind == "read-only":
        pixels.flags.writeable = labels.flags.writeable = False
    if kind == "tensor":
        pixels, labels = torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.dtype(dtype).newbyteorder("=")))
    monkeypatch.setattr(Dots, "given", {"train": (pixels, labels), "val": split_of(2), "test": split_of(4)})
    data = Dots(SPEC, "")
    data.setup("fit")
    assert data.splits["train"].labels.tolist() == [0, 1] * 4
    assert data.splits["train"].labels.dtype == torch.int64
    assert data.val_size == 2  # its own: nothing is cut from the training split
    [(x, y)] = data.val_dataloader()
    assert torch.allclose(x, (torch.from_numpy(images(2)) / 255 - 0.5) / 0.25)
    assert y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("split", "given", "said"),
    [
        ("train", split_of(7), "images of uint8 of shape (7, 1, 4, 4)"),
        ("train", None, "none"),
        ("test", split_of(5), "images of uint8 of shape (5, 1, 4, 4)"),
        ("train", split_of(8, shape=(4, 4, 1)), "images of uint8 of shape (8, 4, 4, 1)"),
        ("train", (images(8, np.float32), np.zeros(8, int)), "images of float32 of shape (8, 1, 4, 4)"),
        ("train", (images(8), np.full(8, 2)), "class numbers 2 to 2"),
        ("train", (images(8), np.full(8, -1)), "class numbers -1 to -1"),
        ("train", (images(8), np.zeros((8, 2), int)), "class numbers of int64 of shape (8, 2)"),
        ("train", (images(8), np.zeros(8)), "class numbers of float64 of shape (8,)"),
        ("train", (images(8), np.zeros(7, int)), "class numbers of int64 of shape (7,)"),
        ("train", (images(8), np.full(8, "a")), "an array of <U1"),
        ("train", (images(8), [0] * 8), "an object of builtins.list"),
        ("train", images(8), "an object of ndarray"),
        ("val", split_of(3, shape=(4, 4, 1)), "images of uint8 of shape (3, 4, 4, 1)"),
    ],
)
def test_what_is_not_as_its_spec_says_is_refused_in_a_sentence(monkeypatch, split, given, said):
    right = {"train": split_of(8), "val": None, "test": split_of(4)}
    monkeypatch.setattr(Dots, "given", right | {split: given})
    with pytest.raises(UserError) as refused:
        Dots(SPEC, "").setup("fit")
    assert str(refused.value).startswith(f"data=dots: its {split} split gives {said}; accepted by its spec: ")
    assert "images (N, C, H, W) of uint8 of shape (" in str(refused.value)


def test_a_split_that_its_spec_does_not_know_is_refused(monkeypatch):
    monkeypatch.setattr(Dots, "given", {"train": split_of(8), "val": None, "test": split_of(4)})
    without_test = DatasetSpec(**SPEC.plain() | {"test_size": 0})
    with pytest.raises(UserError, match=r"its test split gives images of .*: None, for no such split"):
        Dots(without_test, "").setup("fit")


def test_the_spec_is_the_classes_whatever_it_is_called():
    node = {"_target_": "outsider.stars.Stars", "name": "digits"}
    assert make_spec(node).class_names == ("single", "double")
    assert make_spec(node | {"image_size": 5}).image_size == (5, 5)
    assert make_test_spec(node, make_spec(node)) == make_spec(node)
    with pytest.raises(UserError, match="other classes than the network was trained on"):
        make_test_spec(node, make_spec({"name": "digits"}))


def test_a_subclass_that_describes_nothing_is_the_data_set_that_it_names(tmp_path):
    node = {"_target_": f"{__name__}.Flipped", "name": "digits", "image_size": 12}
    assert make_spec(node) == make_spec({"name": "digits", "image_size": 12})


def test_what_describes_no_data_set_is_refused():
    with pytest.raises(UserError, match=r"its describe\(data\) gives an object of builtins.dict; accepted: a groundup"):
        make_spec({"_target_": f"{__name__}.Vague", "name": "vague"})
    with pytest.raises(UserError, match=r"no data module; accepted: a subclass of groundup.data.module.ImageData, or"):
        make_spec({"_target_": "torch.utils.data.DataLoader", "name": "loader"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"class_names": ("a", "b", "a")}, "class_names: a names more than one class"),
        ({"class_names": ("\u00e9", "e\u0301")}, "names more than one class"),
        ({"mean": (127.0,)}, r"mean=\[127.0\]: pixels are scaled to 0..1; divide by 255"),
        ({"std": (64.0,)}, r"std=\[64.0\]: pixels are scaled to 0..1; divide by 255"),
    ],
)
def test_a_spec_that_can_only_be_a_mistake_is_refused(monkeypatch, wrong, said):
    monkeypatch.setattr(Dots, "describe", classmethod(lambda cls, data: DatasetSpec(**SPEC.plain() | wrong)))
    with pytest.raises(UserError, match=said):
        make_spec({"_target_": f"{__name__}.Dots", "name": "dots"})


def test_statistics_of_an_image_folder_are_of_pixels_to_1_too(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "train" / name / "1.png")
    node = {"name": "image_folder", "root": str(tmp_path), "image_size": 4, "channels": 1}
    with pytest.raises(UserError, match=r"data.mean=\[125.0\]: pixels are scaled to 0..1; divide by 255"):
        make_spec(node | {"mean": [125]})
    with pytest.raises(UserError, match=r"data.std=\[60.0\]: pixels are scaled to 0..1; divide by 255"):
        make_spec(node | {"std": [60]})
    assert make_spec(node | {"mean": [0], "std": [1]}).std == (1.0,)


def test_images_of_a_split_that_are_in_another_are_told(monkeypatch, caplog):
    apart = 255 - images(4)
    for test, told in ((images(4), True), (apart, False)):
        monkeypatch.setattr(Dots, "given", {"train": split_of(8), "val": None, "test": (test, np.arange(4) % 2)})
        caplog.clear()
        Dots(SPEC, "").setup("fit")
        assert ("data=dots: 4 of 4 test images are training images, too" in caplog.text) == told


def test_a_split_that_is_drawn_is_drawn_the_same_again(monkeypatch):
    def drawn(self, split):
        chosen = np.random.permutation(12)
        return tuple(part[chosen[:8] if split == "train" else chosen[8:]] for part in split_of(12))

    monkeypatch.setattr(Dots, "load_split", lambda self, split: None if split == "val" else drawn(self, split))
    first, second = Dots(SPEC, "", seed=3, val_fraction=0), Dots(SPEC, "", seed=3, val_fraction=0)
    first.setup("fit"), np.random.rand(5), second.setup("test")
    assert torch.equal(first.splits["test"].pixels, second.splits["test"].pixels)
    every = torch.cat([first.splits["train"].pixels, first.splits["test"].pixels])
    assert len(every.unique(dim=0)) == 12


def test_what_is_not_ours_is_not_stacked(stars):
    assert why_not(stars("model=mlp")) == "data=stars: only our own data sets can be stacked"


def test_the_example_in_the_documentation_is_one(tmp_path, monkeypatch):
    """Its code, as it stands there, is a data set."""
    source = ImageData.__doc__.split("class Stars", 1)[1].split("\n\n    `DatasetSpec`", 1)[0]
    scope = {"ImageData": ImageData, "DatasetSpec": DatasetSpec, "np": np}
    exec("class Stars" + source.replace("\n        ", "\n"), scope)
    np.savez(tmp_path / "stars_train.npz", images=np.zeros((8000, 1, 16, 16), np.uint8), labels=np.arange(8000) % 2)
    np.savez(tmp_path / "stars_test.npz", images=np.zeros((2000, 1, 16, 16), np.uint8), labels=np.arange(2000) % 2)
    data = scope["Stars"](scope["Stars"].describe({}), tmp_path)
    data.prepare_data()
    data.setup("fit")
    assert (data.train_size, data.val_size, data.test_size) == (7200, 800, 2000)


def test_a_sweeps_job_is_as_a_run_alone(stars, tmp_path):
    config = stars("model=mlp", "trainer.max_epochs=1")
    checked = check_run(OmegaConf.create(config)).config
    first, second = run(config, tmp_path / "a"), run(checked, tmp_path / "b")
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert first["test/acc"] == second["test/acc"]
