from __future__ import annotations

import multiprocessing
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from PIL import Image
from test_sources import make_folder

from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.errors import UserError


def digits(**options) -> ImageData:
    data = ImageData(make_spec({"name": "digits"}), "", **options)
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    return data


def labels(loader) -> torch.Tensor:
    return torch.cat([y for _, y in loader])


class Counting(LightningModule):
    """Learns nothing; counts the images it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: dict[str, list[int]] = {"train": [], "val": [], "test": []}

    def _see(self, stage: str, batch) -> torch.Tensor:
        self.seen[stage].append(len(batch[1]))
        return self.weight * batch[0].mean()

    def training_step(self, batch, batch_idx):
        return self._see("train", batch)

    def validation_step(self, batch, batch_idx):
        self._see("val", batch)

    def test_step(self, batch, batch_idx):
        self._see("test", batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def quiet_trainer(epochs: int = 1) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def test_the_splits_are_disjoint_and_of_the_sizes_asked_for():
    data = digits(val_fraction=0.1)
    train, val = data.splits["train"], data.splits["val"]
    assert (len(train.labels), len(val.labels), len(data.splits["test"].labels)) == (1438 - 144, 144, 359)
    rows = [tuple(image.flatten().tolist()) for part in (train, val) for image in part.pixels]
    everything = digits(val_fraction=0).splits["train"].pixels
    assert sorted(rows) == sorted(tuple(image.flatten().tolist()) for image in everything)


def test_the_sizes_of_the_splits_are_told():
    data = digits(limit_test=7)
    assert (data.train_size, data.val_size, data.test_size) == (1438 - 144, 144, 7)
    untouched = ImageData(make_spec({"name": "digits"}), "", limit_test=1000)
    assert untouched.test_size == 359


def test_limits_take_the_first_published_images():
    data, whole = digits(limit_train=50, limit_test=7, val_fraction=0), digits(val_fraction=0)
    for split, limit in (("train", 50), ("test", 7)):
        assert torch.equal(data.splits[split].pixels, whole.splits[split].pixels[:limit])


def test_the_split_follows_the_seed_and_the_order_too():
    first, again, other = (digits(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.splits["val"].pixels, again.splits["val"].pixels)
    assert not torch.equal(first.splits["val"].pixels, other.splits["val"].pixels)
    assert torch.equal(labels(first.train_dataloader()), labels(again.train_dataloader()))


def test_batches_are_normalised_float32():
    data = digits(val_fraction=0)
    x = torch.cat([x for x, _ in data.train_dataloader()])
    assert x.dtype == torch.float32
    assert abs(x.mean().item()) < 1e-3
    assert abs(x.std().item() - 1) < 1e-3


def test_evaluation_keeps_the_order_and_is_never_augmented():
    data = digits(augment=["shift", "cutout"], cutout_size=2)
    assert torch.equal(labels(data.test_dataloader()), data.splits["test"].labels)
    plain = digits()
    for name in ("val_dataloader", "test_dataloader"):
        pairs = zip(getattr(data, name)(), getattr(plain, name)(), strict=True)
        assert all(torch.equal(a[0], b[0]) for a, b in pairs)
    augmented, not_augmented = next(iter(data.train_dataloader())), next(iter(plain.train_dataloader()))
    assert torch.equal(augmented[1], not_augmented[1])
    assert not torch.equal(augmented[0], not_augmented[0])


def test_cutout_fills_with_what_becomes_zero():
    data = digits(augment=["cutout"], cutout_size=1000)
    x, _ = next(iter(data.train_dataloader()))
    assert x.abs().max() < 0.5 / 255 / 0.3763 + 1e-4  # half a grey level


def test_processes_share_the_global_batches_without_overlap():
    parts = []
    for rank in range(2):
        data = digits(batch_size=101)
        strategy = SimpleNamespace(root_device=torch.device("cpu"))
        data.trainer = SimpleNamespace(strategy=strategy, global_rank=rank, world_size=2)
        parts.append([y for _, y in data.train_dataloader()])
    single = [y for _, y in digits(batch_size=101).train_dataloader()]
    for whole, first, second in zip(single, *parts, strict=True):
        assert torch.equal(whole[0::2], first)
        assert torch.equal(whole[1::2], second)
    # Rank 1 has 50 of 101 images; of 1294 images 82 are left for the last batch, 41 for either rank.
    assert [data.share(0), data.share(len(single) - 1)] == [50 * 2 / 101, 1.0]


@pytest.mark.parametrize("val_fraction", [0.1, 0])
def test_lightning_shows_every_image_once_an_epoch_with_or_without_validation(val_fraction):
    module, data = Counting(), ImageData(make_spec({"name": "digits"}), "", val_fraction=val_fraction)
    trainer = quiet_trainer(epochs=2)
    trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    held_out = round(1438 * val_fraction)
    assert sum(module.seen["train"]) == 2 * (1438 - held_out)
    assert sum(module.seen["val"]) == 2 * held_out
    assert sum(module.seen["test"]) == 359


def test_lightning_gives_every_epoch_its_own_order():
    orders = []

    class Recording(Counting):
        def training_step(self, batch, batch_idx):
            orders[-1].append(batch[1])
            return super().training_step(batch, batch_idx)

        def on_train_epoch_start(self):
            orders.append([])

    data = ImageData(make_spec({"name": "digits"}), "")
    quiet_trainer(epochs=2).fit(Recording(), datamodule=data)
    order = data.train_dataloader()
    expected = []
    for epoch in range(2):
        order.sampler.set_epoch(epoch)
        expected.append(labels(order))
    assert [torch.cat(epoch).tolist() for epoch in orders] == [epoch.tolist() for epoch in expected]
    assert not torch.equal(*expected)


def folder_spec(root):
    return make_spec({"name": "image_folder", "root": str(root), "image_size": 6})


def folder(root, **options) -> ImageData:
    data = ImageData(folder_spec(root), root, **({"batch_size": 2} | options))
    data.setup("fit")
    data.setup("test")
    return data


def make_noise(root, count: int) -> None:
    make_folder(root)
    for i in range(count):
        Image.effect_noise((6, 6), 90).save(root / f"train/red/noise{i}.png")


AUGMENTED = {
    "augment": ["flip", "vflip", "crop", "shift", "rotation", "color_jitter", "trivialaugment", "erasing", "cutout"],
    "crop_padding": 2,
    "cutout_size": 0.5,
}


@pytest.mark.parametrize("options", [{}, AUGMENTED], ids=["plain", "augmented"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_streamed_from_disk_gives_the_batches_of_one_in_memory(workers, options, tmp_path):
    make_noise(tmp_path, 13)
    streamed = folder(tmp_path, val_fraction=0.3, in_memory=False, workers=workers, **options)
    loaded = folder(tmp_path, val_fraction=0.3, **options)
    for name in ("train_dataloader", "val_dataloader"):
        pair = getattr(streamed, name)(), getattr(loaded, name)()
        for epoch in range(2):
            for loader in pair:
                loader.sampler.set_epoch(epoch)
            for (x, y), (expected_x, expected_y) in zip(*pair, strict=True):
                assert torch.equal(x, expected_x)
                assert torch.equal(y, expected_y)


@pytest.mark.parametrize("options", [{}, AUGMENTED], ids=["plain", "augmented"])
def test_a_network_learns_the_same_weights_from_the_disk_as_from_memory(options, tmp_path):
    class Linear(Counting):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(108, 2))

        def training_step(self, batch, batch_idx):
            return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    make_noise(tmp_path, 20)
    weights = []
    for where in ({}, {"in_memory": False}, {"in_memory": False, "workers": 2}):
        module, data = Linear(), ImageData(folder_spec(tmp_path), tmp_path, batch_size=4, **where, **options)
        quiet_trainer(epochs=3).fit(module, datamodule=data)
        assert not multiprocessing.active_children()  # else each is waited for when they are collected
        weights.append(module.net[1].weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


def test_a_streamed_epoch_resumes_with_the_same_augmented_batches(tmp_path):
    make_folder(tmp_path)
    loader = folder(tmp_path, val_fraction=0, in_memory=False, augment=["shift"]).train_dataloader()
    whole = list(loader)
    loader.sampler.start = 1
    (rest,) = list(loader)
    assert torch.equal(rest[0], whole[1][0])


def cut_off(path) -> None:
    """An image that is damaged behind its header."""
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_is_found_to_be_damaged_while_training_is_one_line(workers, tmp_path):
    make_folder(tmp_path)
    cut_off(tmp_path / "train/red/bad.png")
    data = folder(tmp_path, val_fraction=0, in_memory=False, workers=workers)
    with pytest.raises(UserError) as caught:
        list(data.train_dataloader())
    assert str(caught.value).startswith(str(tmp_path / "train/red/bad.png"))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_all_broken_images_of_all_splits_are_named_before_training(in_memory, tmp_path):
    make_folder(tmp_path)
    for split in ("val", "test"):
        (tmp_path / split / "red").mkdir(parents=True)
        Image.new("RGB", (3, 3)).save(tmp_path / split / "red" / "whole.png")
    broken = [tmp_path / split / "red/bad.png" for split in ("train", "val", "test")]
    for path in broken:
        path.write_bytes(b"garbage")
    (tmp_path / "test/red/dead.png").symlink_to("nowhere")
    data = ImageData(folder_spec(tmp_path), tmp_path, in_memory=in_memory)
    with pytest.raises(UserError) as caught:
        quiet_trainer().fit(Counting(), datamodule=data)
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 image files cannot be used:"
    assert [line.strip().partition(": ")[0] for line in lines[1:]] == [
        *map(str, broken),
        f"{tmp_path}/test/red/dead.png",
    ]


def test_all_broken_images_are_listed(tmp_path):
    make_folder(tmp_path)
    for i in range(34):
        (tmp_path / f"train/red/bad{i:02}.png").touch()
    with pytest.raises(UserError) as caught:
        folder(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "34 image files cannot be used:"
    assert len(lines) == 35
    assert "bad09.png: empty; accepted: PNG, JPEG, BMP, GIF, PPM, TIFF, WEBP" in lines[10]


@pytest.mark.parametrize("in_memory", [True, False])
def test_broken_images_are_left_out_together_where_they_shall_be(in_memory, tmp_path, caplog):
    make_folder(tmp_path)
    for name in ("a.png", "z.png"):
        (tmp_path / "train/red" / name).write_bytes(b"garbage")
    data = folder(tmp_path, in_memory=in_memory, on_error="skip", val_fraction=0)
    whole = folder(tmp_path, in_memory=in_memory, val_fraction=0, limit_train=None, on_error="skip")
    assert data.train_size == whole.train_size == 4
    assert data.splits["train"].labels.tolist().count(1) == 2
    (record,) = [record for record in caplog.records if "left out" in record.getMessage()][:1]
    assert record.getMessage().startswith("data.on_error=skip: 2 of 6 images are left out:")
    assert all(name in record.getMessage() for name in ("red/a.png: not an image", "red/z.png: not an image"))


def test_large_images_are_evaluated_in_small_batches_and_small_ones_as_said(tmp_path):
    make_folder(tmp_path)
    sizes = {}
    for side in (32, 224):
        spec = make_spec({"name": "image_folder", "root": str(tmp_path), "image_size": side})
        sizes[side] = ImageData(spec, tmp_path).eval_batch_size
    assert sizes == {32: 1000, 224: 10}  # of 6 MB: 10 * 3 * 224 * 224 * 4 bytes


def test_batches_of_large_images_are_those_of_a_whole_chunk(tmp_path, monkeypatch):
    make_noise(tmp_path, 20)
    data = folder(tmp_path, val_fraction=0, **AUGMENTED)
    at_once = list(data.train_dataloader())
    monkeypatch.setattr("groundup.data.loader.CHUNK_BYTES", 6 * 6 * 3 * 4 * 3)
    singly = list(data.train_dataloader())
    for one, other in zip(at_once, singly, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    loader = data.train_dataloader()
    loader.sampler.start = 3
    assert all(torch.equal(one[0], other[0]) for one, other in zip(loader, at_once[3:], strict=True))


def test_limits_spare_the_images_that_are_not_used(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train/red/z.png").touch()
    assert len(folder(tmp_path, limit_train=4, val_fraction=0).splits["train"].labels) == 4


@pytest.mark.parametrize("in_memory", [True, False])
def test_images_of_twelve_bits_are_said_once_with_their_number(in_memory, tmp_path, caplog):
    make_folder(tmp_path)
    for i in range(3):
        Image.fromarray(np.full((4, 4), 4000, np.uint16)).save(tmp_path / f"train/red/deep{i}.png")
    folder(tmp_path, in_memory=in_memory, val_fraction=0)
    (record,) = [record for record in caplog.records if "of 16 bits" in record.getMessage()]
    assert record.getMessage().startswith(f"{tmp_path}/train/red/deep0.png: of 16 bits, and no value above 4,000")
    assert record.getMessage().endswith("(likewise 3 of 7 images)")


def test_the_counts_are_said_and_what_is_not_read_and_what_will_hurt(tmp_path, caplog):
    make_folder(tmp_path)
    caplog.set_level("INFO")
    for name in ("note.heic.txt", "._0.png"):
        (tmp_path / "train/red" / name).touch()
    (tmp_path / "test/blue").mkdir(parents=True)
    (tmp_path / "test/red").mkdir()
    shutil.copy(tmp_path / "train/red/0.png", tmp_path / "test/red/copy.png")
    folder(tmp_path, val_fraction=0)
    assert [record.getMessage() for record in caplog.records] == [
        "5 images of 2 classes: train 4, val 0, test 1",
        f"1 files in train/ are no images and are not read: {tmp_path}/train/red/note.heic.txt",
        "test: no images of blue; nothing is measured of these classes there",
        "fewer than 5 training images of blue, red: a network learns little from so few",
        f"1 test images are training images, too, byte by byte: {tmp_path}/test/red/copy.png is "
        f"{tmp_path}/train/red/0.png; what is measured of them is not of new images",
    ]


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(("background", "expected"), [("white", 1.0), ("black", -1.0), ([255, 255, 0], -1.0)])
def test_the_background_is_the_one_asked_for(background, expected, in_memory, tmp_path):
    for label in ("blue", "red"):
        (tmp_path / "train" / label).mkdir(parents=True)
        Image.new("RGBA", (6, 6), (0, 0, 0, 0)).save(tmp_path / "train" / label / "nothing.png")
    data = folder(tmp_path, val_fraction=0, in_memory=in_memory, background=background)
    (x, _), *_ = data.train_dataloader()
    assert x[:, 2].unique().tolist() == [expected * 2]  # (1 - 0.5) / 0.25, of the blue


def test_the_home_folder_is_written_with_a_tilde(tmp_path, monkeypatch):
    make_folder(tmp_path / "photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(folder("~/photos", val_fraction=0).splits["train"].labels) == 4


# Going on with a run


def trained(root, tmp_path, **options):
    """The checkpoint of a run on a folder."""
    trainer = quiet_trainer()
    trainer.fit(Counting(), datamodule=ImageData(folder_spec(root), root, **({"val_fraction": 0.5} | options)))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def go_on(root, checkpoint, **options) -> None:
    data = ImageData(folder_spec(root), root, **({"val_fraction": 0.5} | options))
    quiet_trainer(epochs=2).fit(Counting(), datamodule=data, ckpt_path=checkpoint, weights_only=True)


def add(root) -> None:
    Image.new("RGB", (3, 3)).save(root / "train/red/more.png")


def remove(root) -> None:
    (root / "train/red/0.png").unlink()


def rename(root) -> None:
    (root / "train/blue/1.png").rename(root / "train/blue/x.png")


def give_validation(root) -> None:
    (root / "val/red").mkdir(parents=True)
    Image.new("RGB", (3, 3)).save(root / "val/red/0.png")


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add, "4 images then, 5 now; 1 new: train/red/more.png"),
        (remove, "4 images then, 3 now; 1 gone: train/red/0.png"),
        (rename, "4 images then, 4 now; 1 new: train/blue/x.png, 1 gone: train/blue/1.png"),
        (give_validation, "4 images then, 5 now; 1 new: val/red/0.png"),
    ],
)
def test_a_run_does_not_go_on_with_other_images(change, words, in_memory, tmp_path):
    root = tmp_path / "images"
    make_folder(root)
    checkpoint = trained(root, tmp_path, in_memory=in_memory)
    go_on(root, checkpoint, in_memory=in_memory)
    change(root)
    with pytest.raises(UserError, match=re.escape(f"({words})")):
        go_on(root, checkpoint, in_memory=in_memory)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit_train": 3}, "data.limit_train=3 with resume: that run has data.limit_train=null"),
        ({"val_fraction": 0.25}, "data.val_fraction=0.25 with resume: that run has data.val_fraction=0.5"),
        ({"folds": 2, "fold": 0}, "data.folds=2 with resume: that run has data.folds=null"),
        ({"seed": 1}, "seed=1 with resume: that run has seed=0"),
        ({"background": "black"}, "data.background=black with resume: that run has data.background=white"),
    ],
)
def test_a_run_does_not_go_on_with_images_cut_otherwise(options, words, tmp_path):
    root = tmp_path / "images"
    make_folder(root)
    checkpoint = trained(root, tmp_path)
    with pytest.raises(UserError, match=re.escape(words)):
        go_on(root, checkpoint, **options)


def test_a_folder_may_move_and_its_test_split_grow_while_a_run_is_stopped(tmp_path):
    make_folder(tmp_path / "images")
    checkpoint = trained(tmp_path / "images", tmp_path)
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/test/red").mkdir(parents=True)
    Image.new("RGB", (3, 3)).save(tmp_path / "elsewhere/test/red/0.png")
    go_on(tmp_path / "elsewhere", checkpoint)


def test_a_checkpoint_of_an_older_version_does_not_say_its_images(tmp_path):
    root = tmp_path / "images"
    make_folder(root)
    checkpoint = trained(root, tmp_path)
    content = torch.load(checkpoint, weights_only=True)
    del content["ImageData"]
    torch.save(content, checkpoint)
    add(root)
    go_on(root, checkpoint)


def test_a_folder_with_its_own_validation_keeps_all_for_training(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "val/red").mkdir(parents=True)
    Image.new("RGB", (3, 3)).save(tmp_path / "val/red/0.png")
    data = folder(tmp_path, val_fraction=0.5)
    assert len(data.splits["train"].labels) == 4
    assert data.splits["val"].labels.tolist() == [1]
    assert data.splits["test"] is None
    assert data.test_size == 0
    assert data.test_dataloader() == []


def test_values_that_do_not_go_together_are_refused():
    with pytest.raises(UserError, match=r"data\.in_memory=false: digits"):
        digits(in_memory=False)
    with pytest.raises(UserError, match=r"data\.val_fraction=0\.01: of 20 images, 20 are left .* 0 for validation"):
        digits(limit_train=20, val_fraction=0.01)


def rows_of(images):
    return [tuple(image.flatten().tolist()) for image in images.pixels]


def test_every_training_image_is_validated_on_in_one_fold_and_the_test_split_is_untouched():
    everything = digits(val_fraction=0)
    parts = [digits(folds=5, fold=fold) for fold in range(5)]
    validated = [row for data in parts for row in rows_of(data.splits["val"])]
    assert sorted(validated) == sorted(rows_of(everything.splits["train"]))
    for data in parts:
        together = rows_of(data.splits["train"]) + rows_of(data.splits["val"])
        assert sorted(together) == sorted(rows_of(everything.splits["train"]))
        assert torch.equal(data.splits["test"].pixels, everything.splits["test"].pixels)
        assert data.val_size in (287, 288)
    other = digits(folds=5, fold=0, seed=1)
    assert sorted(rows_of(other.splits["val"])) != sorted(rows_of(parts[0].splits["val"]))


def test_a_limit_of_training_images_is_taken_before_they_are_cut_into_folds():
    data = [digits(folds=4, fold=fold, limit_train=100) for fold in range(4)]
    assert [each.val_size for each in data] == [25] * 4
    first = rows_of(digits(val_fraction=0, limit_train=100).splits["train"])
    assert sorted(row for each in data for row in rows_of(each.splits["val"])) == sorted(first)


def test_a_fold_does_not_go_on_as_another(tmp_path):
    root = tmp_path / "images"
    make_folder(root)
    checkpoint = trained(root, tmp_path, folds=2, fold=0)
    go_on(root, checkpoint, folds=2, fold=0)
    with pytest.raises(UserError, match=r"data\.fold=1 with resume: that run has data\.fold=0"):
        go_on(root, checkpoint, folds=2, fold=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 9, "fold": 0, "limit_train": 20}, r"class \d has \d training images, too few .* accepted: 2 to"),
        ({"folds": 9, "fold": 0, "limit_train": 9}, "has a single training image"),
        ({"folds": 5, "fold": 5}, "one of 0 to folds - 1"),
        ({"folds": 1, "fold": 0}, "at least 2 folds"),
        ({"folds": 5}, "one goes with the other"),
        ({"fold": 5}, "one goes with the other"),
        ({"val_fraction": None}, "accepted is a share"),
    ],
)
def test_folds_that_cannot_be_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        digits(**options)


def test_a_data_set_with_validation_of_its_own_has_no_folds(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "val/red").mkdir(parents=True)
    Image.new("RGB", (3, 3)).save(tmp_path / "val/red/0.png")
    with pytest.raises(UserError, match="it has a validation split of its own"):
        folder(tmp_path, folds=2, fold=0)
