"""A LightningDataModule that knows nothing of us: its loaders are used as they are, and its runs are as ours."""

from __future__ import annotations

import itertools
import logging
import random

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule
from outsider.loaders import Stripes
from small_runs import equal, weights, with_callback
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
    random_split,
)

from groundup.config import data_module
from groundup.config.data_module import look_at_data_module
from groundup.config.image_sizes import look_at_images
from groundup.data.loaders import random_numbers_kept
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.resume import find_resume
from groundup.run.run import run
from groundup.spec import DatasetSpec

HERE = __name__
QUIET = ("logger=none", "callbacks.progress=null", "model=mlp", "model.hidden_dims=[8]")
LAST = "checkpoints/last.ckpt"


def pairs(count=24, classes=3, size=6, channels=1):
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) % classes
    return torch.randn(count, channels, size, size, generator=generator) + labels[:, None, None, None], labels


class Module(LightningDataModule):
    """Three loaders of `pairs`, of which a test changes what it is about; notes what is called."""

    called: list = []  # noqa: RUF012

    def __init__(self, bs: int = 8):
        super().__init__()
        self.bs = bs

    def prepare_data(self):
        self.called.append("prepare_data")

    def setup(self, stage):
        self.called.append(f"setup {stage}")

    def train_dataloader(self):
        return DataLoader(self.dataset("train"), self.bs, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.dataset("val"), self.bs)

    def test_dataloader(self):
        return DataLoader(self.dataset("test"), self.bs)

    def dataset(self, split):
        return TensorDataset(*pairs({"train": 40, "val": 12, "test": 20}[split]))


class ChannelsLast(Module):
    def dataset(self, split):
        images, labels = super().dataset(split).tensors
        return TensorDataset(images.permute(0, 2, 3, 1), labels)


class Drawing(Dataset):
    """Draws for every image anew, from the generators that everybody has."""

    def __init__(self, *tensors):
        self.images, self.labels = tensors

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        noise = torch.randn(1) + np.random.rand() + random.random()
        return self.images[index] + 0.1 * noise.float(), int(self.labels[index])


class Shuffling(Module):
    """Of its own generator, by weights, with what is drawn in the data set."""

    def train_dataloader(self):
        generator = torch.Generator().manual_seed(5)
        return DataLoader(Drawing(*pairs(40)), self.bs, shuffle=True, generator=generator, drop_last=True)

    def val_dataloader(self):
        return DataLoader(Drawing(*pairs(12)), self.bs, shuffle=True)


class Working(Shuffling):
    def train_dataloader(self):
        return DataLoader(Drawing(*pairs(40)), self.bs, sampler=RandomSampler(range(40)), num_workers=1)


class Living(Working):
    def train_dataloader(self):
        data, order = Drawing(*pairs(40)), RandomSampler(range(40))
        return DataLoader(data, self.bs, sampler=order, num_workers=1, persistent_workers=True)


class Channels(Module):
    def dataset(self, split):
        images, labels = super().dataset(split).tensors
        return TensorDataset(images.repeat(1, 5, 1, 1), labels)


class Stream(IterableDataset):
    def __init__(self, split, count):
        self.count = count

    def __iter__(self):
        for image, label in zip(*pairs(self.count), strict=True):
            yield image + 0.1 * torch.randn(()), label


class Streamed(Module):
    num_classes = 3

    def dataset(self, split):
        return Stream(split, {"train": 40, "val": 12, "test": 20}[split])

    def train_dataloader(self):
        return DataLoader(self.dataset("train"), self.bs)


class Uncounted(Streamed):
    num_classes = None


class Hooked(Module):
    """Bytes in dicts, of which its hooks make a batch, on the device."""

    def dataset(self, split):
        images, labels = TensorDataset(*pairs({"train": 40, "val": 12, "test": 20}[split])).tensors
        return [
            {"image": (image * 20).clamp(0, 255).byte(), "label": label}
            for image, label in zip(images, labels, strict=True)
        ]

    def on_after_batch_transfer(self, batch, dataloader_idx):
        noise = 0.1 * torch.randn(()) if self.trainer.training else 0
        return batch["image"].float() / 20 + noise, batch["label"].short()


class OnlyTraining(LightningDataModule):
    def train_dataloader(self):
        return DataLoader(TensorDataset(*pairs(40)), 8)


class Specified(Module):
    spec = DatasetSpec("theirs", 1, 6, 6, ("a", "b", "c"), (0.4,), (0.2,), 40, 20)


class Named(Module):
    class_names = ("ant", "bee", "cat")


class Folders(Module):
    def dataset(self, split):
        whole = TensorDataset(*pairs(40))
        whole.classes = ["x", "y", "z"]
        return Subset(whole, range(20))


class Asking(Module):
    def __init__(self, seed: int, num_classes: int = 5, spec=None, **kw):
        super().__init__()
        self.kw, self.seed, self.given = kw, seed, spec


class Ordered(Module):
    """Reads what it has downloaded."""

    def prepare_data(self):
        type(self).there = True

    def setup(self, stage=None):
        assert type(self).there, "not downloaded"
        self.x = pairs(40)

    def dataset(self, split):
        return TensorDataset(*self.x)


class Drawn(Module):
    """Draws when it is made."""

    def __init__(self):
        super().__init__()
        torch.rand(3), np.random.rand(), random.random()


class Split(LightningDataModule):
    """Split by chance at every setup, whatever the stage; notes which images are which."""

    noted: list = []  # noqa: RUF012

    def __init__(self, bs: int = 8):
        super().__init__()
        self.bs = bs

    def prepare_data(self):
        self.offset = random.random()

    def setup(self, stage):
        self.parts = self.split(TensorDataset(*pairs(60)))
        self.noted.append((stage, *(sorted(part.indices) for part in self.parts), self.offset))

    def split(self, whole):
        torch.rand(np.random.randint(9))
        return random_split(whole, [40, 10, 10])

    def train_dataloader(self):
        return DataLoader(self.parts[0], self.bs, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.parts[1], self.bs)

    def test_dataloader(self):
        return DataLoader(self.parts[2], self.bs)


class SplitWhenMade(Split):
    def __init__(self, bs: int = 8):
        super().__init__(bs)
        self.made = random_split(TensorDataset(*pairs(60)), [40, 10, 10])

    def split(self, whole):
        return self.made


class SplitByItsOwn(Split):
    """Of a generator that goes on."""

    def __init__(self, bs: int = 8):
        super().__init__(bs)
        self.generator = torch.Generator().manual_seed(0)

    def split(self, whole):
        return random_split(whole, [40, 10, 10], self.generator)


class SplitByNobodys(Split):
    def setup(self, stage):
        images, labels = pairs(60)
        chosen = torch.from_numpy(np.random.default_rng().permutation(60))
        self.parts = [TensorDataset(images[part], labels[part]) for part in chosen.split([40, 10, 10])]


class SplitOnceByNobodys(Split):
    def setup(self, stage):
        if not hasattr(self, "parts"):
            SplitByNobodys.setup(self, stage)


class SplitByASeedOfItsOwn(Split):
    def split(self, whole):
        return random_split(whole, [40, 10, 10], torch.Generator().manual_seed(3))


def own(name, **options):
    return {"_target_": f"{HERE}.{name}", "name": name.lower(), **options}


@pytest.fixture
def of(with_data, monkeypatch):
    """The checked config of a run on one of these modules."""
    monkeypatch.setattr(Module, "called", [])
    monkeypatch.setattr(Split, "noted", [])
    data_module._look.cache_clear()  # tests change what a class gives
    return lambda name, *overrides, **options: with_data(own(name, **options), *QUIET, *overrides)


@pytest.fixture
def trusted(monkeypatch):
    monkeypatch.setenv("GROUNDUP_TRUST", f"outsider,{__name__}")


def look(name, **options):
    return look_at_data_module(own(name, **options), 0)


# What is known before training


def test_sizes_and_classes_are_found_out_before_training(caplog):
    caplog.set_level(logging.INFO)
    spec = look("Module", bs=9)
    assert (spec.channels, spec.image_size, spec.num_classes) == (1, (6, 6), 3)
    assert (spec.train_size, spec.val_size, spec.test_size) == (40, 12, 20)
    assert (spec.class_names, spec.mean) == (("0", "1", "2"), ())
    assert "data=module: 3 classes, counted from the labels of 40 training images" in caplog.text


def test_images_that_look_as_if_their_channels_were_last_are_said(caplog):
    look("Module", bs=7)
    assert "channels" not in caplog.text
    look("ChannelsLast", bs=7)
    assert "images of shape (6, 6, 1), taken as 6 channels of 6 x 1 pixels; if the channels are last" in caplog.text


def test_hooks_are_called_in_lightnings_order_and_random_numbers_stay(monkeypatch):
    monkeypatch.setattr(Module, "called", [])
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    look("Drawn")
    assert Module.called == ["prepare_data", "setup fit", "setup test"]
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (np.random.get_state()[1].tolist(), random.getstate())


def test_a_setup_without_a_stage_comes_after_the_download():
    assert look("Ordered").train_size == 40


@pytest.mark.parametrize(
    ("name", "options", "classes"),
    [
        ("Named", {}, ("ant", "bee", "cat")),
        ("Folders", {}, ("x", "y", "z")),
        ("Asking", {"num_classes": 4}, ("0", "1", "2", "3")),
        ("Specified", {}, ("a", "b", "c")),
        ("Streamed", {}, ("0", "1", "2")),
        ("Uncounted", {}, ("0", "1", "2")),
        ("Hooked", {}, ("0", "1", "2")),
    ],
)
def test_classes_are_those_that_somebody_says_else_those_counted(name, options, classes):
    assert look(name, **options).class_names == classes


def test_equal_nodes_are_looked_at_once(of, monkeypatch):
    config = of("Module", bs=7)
    before = len(Module.called)
    for _ in range(3):
        look_at_images(config)
    assert len(Module.called) == before
    of("Module", bs=6)
    assert len(Module.called) > before


def test_it_is_given_seed_and_spec_where_it_asks_for_them(of, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(Asking, "setup", lambda self, stage: made.append((self.seed, self.given, self.kw)))
    run(of("Asking", "seed=7", num_classes=5), tmp_path)
    looked, ran = made[0], made[-1]
    assert looked == (7, None, {})
    assert (ran[0], ran[1].num_classes, ran[2]) == (7, 5, {})


# A run


@pytest.mark.parametrize(
    "name", ["Module", "Shuffling", "Streamed", "Uncounted", "Hooked", "Working", "Living", "Folders"]
)
def test_a_run_trains_tests_and_goes_on_after_a_stop_to_the_same_weights(of, tmp_path, name):
    limit = ["+trainer.limit_train_batches=5"] if name in ("Streamed", "Uncounted") else []
    config = of(name, "trainer.max_epochs=3", "model.dropout=0.3", *limit)
    results = run(config, tmp_path / "whole")
    images = 20 if name == "Folders" else 40
    assert (results["status"], results["data"]) == ("finished", name.lower())
    assert np.sum(results["test/confusion"]) == 20
    assert results["steps"] == 3 * -(-images // 8)
    for step in (3, 7):  # the seventh is the third of the second epoch of five
        part = tmp_path / str(step)
        with pytest.raises(Interrupted):
            run(with_callback(config, "SignalAt", step=step), part)
        assert run(config, part, part / LAST)["status"] == "finished"
        assert equal(weights(tmp_path / "whole"), weights(part))


def test_pictures_are_drawn_of_any_number_of_channels(of, tmp_path):
    results = run(of("Channels", "trainer.max_epochs=1", "logger=tensorboard"), tmp_path)
    assert results["status"] == "finished"


def test_stopping_is_seen_by_the_order(of, tmp_path):
    """The negative control of the test before: another seed gives another order, and other weights."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(of("Shuffling", f"seed={seed}", "trainer.max_epochs=1"), tmp_path / name)
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not equal(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_the_package_outside_trains_with_our_networks(with_data, tmp_path, trusted):
    config = with_data("stripes", "logger=none", "model=mlp", "trainer.max_epochs=3")
    results = run(config, tmp_path / "run")
    assert (results["data"], results["val/acc"]) == ("stripes", 1.0)
    assert results["samples_per_second"] == pytest.approx(3 * 120 / results["train_seconds"], rel=0.05)
    metrics = evaluate(tmp_path / "run", accelerator="cpu")
    assert (metrics["test/acc"], metrics["test/loss"]) == (results["test/acc"], results["test/loss"])
    assert np.sum(metrics["test/confusion"]) == 60


def test_every_callback_of_ours_works_with_it_or_stands_aside(with_data, tmp_path):
    run(with_data("stripes", "model=mlp", "callbacks=everything"), tmp_path)
    assert (tmp_path / "results.json").exists()


def test_without_validation_the_last_epoch_counts(of, tmp_path):
    results = run(of("OnlyTraining"), tmp_path)
    assert (results["best_epoch"], results["val/acc"], results["test/acc"]) == (1, None, None)
    with pytest.raises(
        UserError, match=r"callbacks.early_stopping.monitor=val/loss: there is no validation data, because"
    ):
        of("OnlyTraining", "callbacks=early_stopping")

    plateau = {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau", "_partial_": True, "name": "plateau"}
    with pytest.raises(UserError, match="with scheduler=plateau, which follows val/loss: there is no validation data"):
        look_at_images(of("OnlyTraining") | {"scheduler": plateau})


@pytest.mark.parametrize("name", ["Shuffling", "Hooked"])
def test_a_network_that_begins_from_training_images_sees_some(with_data, tmp_path, name):
    small = ("model=speednet", "model.widths=[8]", "model.depth=1", "trainer.max_epochs=1")
    config = with_data(own(name), "logger=none", *small)
    run(config, tmp_path / "a")
    run(config, tmp_path / "b")
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    whitening = weights(tmp_path / "a")["net.whiten.weight"].flatten(1)
    assert torch.allclose(whitening[: len(whitening) // 2], -whitening[len(whitening) // 2 :])  # of eigenvectors


def test_prototypes_are_refused(with_data, tmp_path, monkeypatch):
    monkeypatch.setattr(Module, "dataset", lambda self, split: TensorDataset(*pairs(size=14)))
    config = with_data(own("Module", bs=15), "logger=none", "model=noprop_dt", "model.embedding=prototype")
    with pytest.raises(UserError, match="it needs images of each class, but the data module gives only batches"):
        run(config, tmp_path)


def test_predictions_are_refused_where_nobody_knows_how_images_are_normalised(of, tmp_path, trusted):
    from PIL import Image

    Image.new("L", (6, 6)).save(tmp_path / "image.png")
    run(of("Module"), tmp_path / "module")
    with pytest.raises(UserError, match="how the images of data=module are normalised is not known"):
        predict(tmp_path / "module", tmp_path / "image.png")
    run(of("Specified"), tmp_path / "specified")
    [prediction] = predict(tmp_path / "specified", tmp_path / "image.png")
    assert prediction.classes[0] in ("a", "b", "c")


def test_a_run_is_evaluated_on_its_own_classes_alone(of, tmp_path, trusted, monkeypatch):
    run(of("Named"), tmp_path)
    assert evaluate(tmp_path, accelerator="cpu")["test/per_class"].keys() == {"ant", "bee", "cat"}
    with pytest.raises(UserError, match=r"data.tta=mirror: .*Named, the data of this run, has no such key"):
        evaluate(tmp_path, data={"tta": "mirror"})
    monkeypatch.setattr(Named, "class_names", ("bee", "ant", "cat"))
    with pytest.raises(UserError, match="the same in another order"):
        evaluate(tmp_path, accelerator="cpu")


def test_it_goes_on_with_its_own_keys_alone(of, tmp_path):
    run(of("Module", bs=8), tmp_path / "run")
    config = of("Module", f"resume={tmp_path / 'run'}", bs=10)
    with pytest.raises(UserError, match=r"that run has data\.bs=8, but this command says data\.bs=10"):
        find_resume(config, tmp_path)


@pytest.mark.parametrize("name", ["Split", "SplitWhenMade", "SplitByASeedOfItsOwn"])
def test_no_image_that_was_trained_on_is_tested_on(of, tmp_path, trusted, name):
    config = of(name, "trainer.max_epochs=2", "seed=4")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=7), tmp_path)
    torch.manual_seed(8), np.random.seed(8), random.seed(8)  # another process
    results = run(config, tmp_path, tmp_path / LAST)
    np.random.seed(9), torch.manual_seed(9), random.seed(9)
    assert evaluate(tmp_path, accelerator="cpu")["test/loss"] == results["test/loss"]
    stages, *splits = zip(*Split.noted, strict=True)
    assert stages == ("fit", "test", "fit", "fit", "test", "test", "test")  # looks and runs
    assert all(each == split[0] for split in splits for each in split)
    train, val, test = (split[0] for split in splits[:3])
    assert sorted(train + val + test) == list(range(60))


def test_another_seed_is_another_split_and_a_setup_takes_no_random_numbers(of, tmp_path):
    states = []
    for seed in (1, 2):
        of("Split", f"seed={seed}")
    (_, one, *_), _, (_, other, *_), _ = Split.noted
    assert one != other
    module = data_module.build_data_module(own("Split"), 1)
    for _ in range(2):
        states.append((torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()))
        module.prepare_data(), module.setup("fit"), module.train_dataloader()
    assert states[0] == states[1]
    assert Split.noted[-1][1] == one


@pytest.mark.parametrize("name", ["SplitByItsOwn", "SplitByNobodys"])
def test_a_split_by_a_generator_that_goes_on_is_refused_before_training(of, name):
    with pytest.raises(UserError, match=r"training loader has other images than when .* was set up before"):
        of(name)


def test_a_module_that_is_another_when_made_again_is_refused_before_training(of, tmp_path):
    with pytest.raises(UserError, match=r"training loader has other images than when .* was set up before"):
        run(of("SplitOnceByNobodys"), tmp_path)


# What is refused


WHOLE = TensorDataset(*pairs(100))


class Ending:
    """Says that it ends before it does."""

    def __len__(self):
        return 2

    def __iter__(self):
        return iter(DataLoader(WHOLE, 32))


class Filtering(DataLoader):
    def __iter__(self):
        return itertools.islice(super().__iter__(), 1, None)


ONCE = DataLoader(WHOLE, 32, sampler=RandomSampler(WHOLE))
OTHERS = {
    "a part": (DataLoader(WHOLE, 32, sampler=SubsetRandomSampler(range(10))), "10 images, and its data set has 100"),
    "many": (
        DataLoader(WHOLE, 32, sampler=RandomSampler(WHOLE, replacement=True, num_samples=1000)),
        "1000 images, and its data set has 100",
    ),
    "repeated": (
        DataLoader(WHOLE, 32, sampler=RandomSampler(WHOLE, replacement=True)),
        r"100 images, of which only \d\d are different",
    ),
    "batches": (
        DataLoader(Subset(WHOLE, range(4)), batch_sampler=[[0, 1], [1, 2]]),
        "4 images, of which only 3 are different",
    ),
    "short": (Ending(), r"4 batches, and its len\(\) is 2"),
    "filtered": (Filtering(WHOLE, 25), r"3 batches, and its len\(\) is 4"),
    "filtered in batches": (
        DataLoader(WHOLE, 25, collate_fn=lambda pairs: default_collate(pairs[1:])),
        "96 images, and its data set has 100",
    ),
    "workers": (DataLoader(Stream("test", 20), 8, num_workers=2), "40 images, and its data set has 20"),
}


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize(("number", "what"), list(enumerate(OTHERS)))
def test_an_evaluation_of_other_images_than_each_once_is_refused(of, monkeypatch, split, number, what):
    loader, said = OTHERS[what]
    monkeypatch.setattr(Module, f"{split}_dataloader", lambda self: loader)
    with pytest.raises(UserError, match=f"data=module: its .* loader gives {said}.*; accepted: every image once"):
        of("Module", bs=300 + number)


def test_an_evaluation_of_a_part_or_in_any_order_is_one(of, monkeypatch):
    monkeypatch.setattr(Module, "val_dataloader", lambda self: DataLoader(Subset(WHOLE, range(7)), 3))
    monkeypatch.setattr(Module, "test_dataloader", lambda self: ONCE)
    of("Module", bs=400)


def test_splits_of_the_same_images_are_told(of, monkeypatch, caplog):
    train = Module.dataset(None, "train")
    monkeypatch.setattr(Module, "dataset", lambda self, split: train)
    of("Module", bs=401)
    for word, done in (("validation", "trained"), ("test", "trained"), ("test", "validated")):
        assert f"data=module: its {word} loader has 40 images that are {done} on, too" in caplog.text
    caplog.clear()
    parts = {"train": range(60), "val": range(55, 80), "test": range(80, 100)}
    monkeypatch.setattr(Module, "dataset", lambda self, split: Subset(TensorDataset(*pairs(100)), parts[split]))
    of("Module", bs=402)
    assert "its validation loader has 5 images that are trained on, too" in caplog.text
    assert "its test loader has" not in caplog.text


def test_names_and_statistics_that_can_only_be_mistakes_are_refused(of, monkeypatch):
    monkeypatch.setattr(Named, "class_names", ("ant", "bee", "ant"))
    with pytest.raises(UserError, match="ant names more than one of its classes"):
        of("Named", bs=403)
    spec = DatasetSpec(**Specified.spec.plain() | {"mean": (125.0,)})
    monkeypatch.setattr(Specified, "spec", spec)
    with pytest.raises(UserError, match=r"its spec has mean=\[125.0\]: pixels are scaled to 0..1; divide by 255"):
        of("Specified", bs=404)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_class_numbers_of_every_whole_kind_are_counted_right(of, tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(Module, "dataset", lambda self, split: TensorDataset(pairs()[0].double(), pairs()[1].to(dtype)))
    results = run(of("Module", bs=20 + dtype.itemsize + dtype.is_signed), tmp_path)
    assert np.sum(results["test/confusion"]) == 24


IMAGES, LABELS = pairs()
BATCHES = {
    "a dict": ([{"x": image, "y": 0} for image in IMAGES], "batches that are a dict of x, y"),
    "three": (
        TensorDataset(IMAGES, LABELS, LABELS),
        "batches of 3 (float32 of shape (8, 1, 6, 6), int64 of shape (8,)",
    ),
    "no labels": (TensorDataset(IMAGES), "batches of 1 (float32 of shape (8, 1, 6, 6))"),
    "a tensor": (list(IMAGES), "batches that are float32 of shape (8, 1, 6, 6)"),
    "bytes": (TensorDataset(IMAGES.byte(), LABELS), "images of uint8 of shape (8, 1, 6, 6)"),
    "rows": (TensorDataset(IMAGES.flatten(1), LABELS), "images of float32 of shape (8, 36)"),
    "one-hot": (TensorDataset(IMAGES, torch.eye(3)[LABELS]), "class numbers of float32 of shape (8, 3)"),
    "a column": (TensorDataset(IMAGES, LABELS[:, None]), "class numbers of int64 of shape (8, 1)"),
    "float": (TensorDataset(IMAGES, LABELS.float()), "class numbers of float32 of shape (8,)"),
    "negative": (TensorDataset(IMAGES, LABELS - 1), "class numbers from -1 to 1"),
    "words": ([(image, "cat") for image in IMAGES], "batches of 2 (float32 of shape (8, 1, 6, 6), a tuple)"),
}


@pytest.mark.parametrize(("number", "what"), list(enumerate(BATCHES)))
def test_batches_that_are_no_pairs_are_refused_before_training(of, monkeypatch, number, what):
    dataset, said = BATCHES[what]
    monkeypatch.setattr(Module, "train_dataloader", lambda self: DataLoader(dataset, 8))
    with pytest.raises(UserError) as refused:
        of("Module", bs=100 + number)
    assert str(refused.value).startswith(f"data=module: its training loader gives {said}")
    assert "accepted: (images (N, C, H, W) of float, class numbers (N,) of whole numbers)" in str(refused.value)


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("kind", [TensorDataset, Drawing])
def test_a_class_that_was_not_trained_on_is_never_counted_as_another(of, monkeypatch, split, kind):
    images, labels = pairs(classes=7)  # of which there are some beyond the first batch
    right = Module.dataset
    monkeypatch.setattr(
        Module, "dataset", lambda self, each: kind(images, labels) if each == split else right(self, each)
    )
    word = {"val": "validation", "test": "test"}[split]
    with pytest.raises(
        UserError, match=f"data=module: its {word} loader gives class numbers from . to 6; .*from 0 to 2"
    ):
        of("Module", bs=6 + (kind is Drawing))


def test_a_label_that_comes_up_while_training_is_refused_too(of, tmp_path, monkeypatch):
    monkeypatch.setattr(Stream, "count", 40, raising=False)

    def more(self):
        yield from ((image, torch.tensor(9)) for image in pairs(40)[0])

    config = of("Streamed", "+trainer.limit_train_batches=5")
    monkeypatch.setattr(Stream, "__iter__", more)
    with pytest.raises(UserError, match="training loader gives class numbers from 9 to 9"):
        run(config, tmp_path)


def test_several_loaders_of_a_split_are_refused(of, monkeypatch):
    several = {
        "val_dataloader": (lambda self: [DataLoader(TensorDataset(*pairs()))] * 2, "validation loader: 2 of them"),
        "test_dataloader": (lambda self: [DataLoader(TensorDataset(*pairs()))] * 3, "test loader: 3 of them"),
        "train_dataloader": (lambda self: {"a": DataLoader(TensorDataset(*pairs()))}, "training loader is a dict of"),
    }
    for number, (hook, (function, said)) in enumerate(several.items()):
        with monkeypatch.context() as patched:
            patched.setattr(Module, hook, function)
            with pytest.raises(UserError, match=f"data=module: its {said}"):
                of("Module", bs=200 + number)


def test_a_list_of_one_loader_is_that_loader(of, tmp_path, monkeypatch):
    monkeypatch.setattr(Module, "val_dataloader", lambda self: [DataLoader(TensorDataset(*pairs(12)), 5)])
    assert run(of("Module", bs=11), tmp_path)["val/acc"] is not None


def test_an_evaluation_that_drops_images_is_refused(of, monkeypatch):
    monkeypatch.setattr(
        Module, "test_dataloader", lambda self: DataLoader(TensorDataset(*pairs(20)), self.bs, drop_last=True)
    )
    with pytest.raises(UserError, match="test loader has drop_last=True, and no metric would count what it drops"):
        of("Module", bs=16)
    of("Module", bs=10)  # nothing is left over


def test_a_stream_without_an_end_says_how_long_an_epoch_is(of, tmp_path):
    with pytest.raises(UserError, match=r"its training loader has no length.* trainer.limit_train_batches=BATCHES"):
        run(of("Streamed"), tmp_path / "a")
    with pytest.raises(RunFailed, match=r"has given 5 batches, fewer than trainer.limit_train_batches=9 of an epoch"):
        run(of("Streamed", "+trainer.limit_train_batches=9"), tmp_path / "b")


@pytest.mark.slow
def test_several_processes_are_refused(of, tmp_path):
    with pytest.raises(UserError, match=r"trainer.devices=2 with data=module: every process would train on all images"):
        run(of("Module", "trainer.devices=2"), tmp_path)


class Broken(Module):
    def setup(self, stage):
        raise FileNotFoundError("no such file: images.npz")


class Demanding(Module):
    def __init__(self, spec):
        super().__init__()


def module_of_another_package(**_):
    return type("Theirs", (type("LightningDataModule", (), {}),), {})()


def nothing():
    return None


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (own("Broken"), 'its setup("fit") fails: FileNotFoundError: no such file: images.npz; accepted: a data module'),
        (own("Demanding"), "its constructor asks for a spec, which is read from the data module itself"),
        (own("module_of_another_package"), "Theirs is a LightningDataModule of the package pytorch_lightning"),
        (own("nothing"), "builtins.NoneType is no data module; accepted: a subclass of groundup.data.module.ImageData"),
        (own("Drawing"), f"{HERE}.Drawing is no data module"),
    ],
)
def test_what_is_no_data_module_is_refused_in_a_sentence(with_data, node, said):
    with pytest.raises(UserError) as refused:
        with_data(node, *QUIET)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"data._target_={node['_target_']}: ")


def test_keys_are_those_of_its_signature(of):
    with pytest.raises(UserError, match=r"data.limit_train=5: there is no such key"):
        of("Module", limit_train=5)


def test_our_way_to_keep_random_numbers_keeps_them():
    before = torch.rand(1), np.random.rand(), random.random()
    with random_numbers_kept():
        torch.manual_seed(3), np.random.seed(3), random.seed(3)
    assert before != (torch.rand(1), np.random.rand(), random.random())
    torch.manual_seed(1)
    with random_numbers_kept():
        torch.rand(100)
    kept = torch.rand(2)
    torch.manual_seed(1)
    assert torch.equal(kept, torch.rand(2))


def test_stripes_are_what_they_say():
    spec = look_at_data_module({"_target_": "outsider.loaders.Stripes", "name": "stripes"}, 0)
    assert (spec.num_classes, spec.channels, spec.image_size) == (3, 3, (10, 10))
    assert issubclass(Stripes, LightningDataModule)


def test_a_split_by_chance_is_a_split(of, tmp_path, monkeypatch):
    whole = TensorDataset(*pairs(60))
    train, _ = random_split(whole, [40, 20])
    monkeypatch.setattr(Module, "dataset", lambda self, split: train if split == "train" else Subset(whole, range(12)))
    assert run(of("Module", bs=13), tmp_path)["status"] == "finished"
    sampler = SubsetRandomSampler(range(30))
    monkeypatch.setattr(Module, "train_dataloader", lambda self: DataLoader(whole, self.bs, sampler=sampler))
    assert look("Module", bs=14).train_size == 30


@pytest.mark.parametrize("number", [3, 9])
def test_the_number_of_classes_may_be_said_in_the_config_of_a_module_without_such_an_argument(with_data, number):
    config = with_data({"_target_": f"{HERE}.Module", "name": "pairs"}, *QUIET, num_classes=number)
    assert look_at_images(config).num_classes == number


def test_a_number_of_classes_that_is_none_is_refused(with_data):
    with pytest.raises(UserError, match=r"data\.num_classes=no: must be a whole number"):
        with_data({"_target_": f"{HERE}.Module", "name": "pairs"}, *QUIET, num_classes="no")


def test_debug_with_keys_of_our_data_is_named(with_data):
    with pytest.raises(UserError, match=r"data\.limit_train=512: there is no such key; here: \+trainer.*debug=fast"):
        with_data({"_target_": f"{HERE}.Module", "name": "pairs"}, *QUIET, limit_train=512)
