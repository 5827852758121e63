from __future__ import annotations

from types import SimpleNamespace

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


def folder(root, **options) -> ImageData:
    spec = make_spec({"name": "image_folder", "root": str(root), "image_size": 6})
    data = ImageData(spec, root, batch_size=2, **options)
    data.setup("fit")
    data.setup("test")
    return data


@pytest.mark.parametrize("workers", [0, 1])
def test_a_folder_streamed_from_disk_gives_the_batches_of_one_in_memory(workers, tmp_path):
    make_folder(tmp_path)
    for i in range(3):
        Image.effect_noise((6, 6), 90).save(tmp_path / f"train/red/noise{i}.png")
    streamed = folder(tmp_path, val_fraction=0.3, in_memory=False, workers=workers)
    loaded = folder(tmp_path, val_fraction=0.3)
    for name in ("train_dataloader", "val_dataloader"):
        pair = getattr(streamed, name)(), getattr(loaded, name)()
        for epoch in range(2):
            for loader in pair:
                loader.sampler.set_epoch(epoch)
            for (x, y), (expected_x, expected_y) in zip(*pair, strict=True):
                assert torch.equal(x, expected_x)
                assert torch.equal(y, expected_y)


def test_a_streamed_epoch_resumes_with_the_same_augmented_batches(tmp_path):
    make_folder(tmp_path)
    loader = folder(tmp_path, val_fraction=0, in_memory=False, augment=["shift"]).train_dataloader()
    whole = list(loader)
    loader.sampler.start = 1
    (rest,) = list(loader)
    assert torch.equal(rest[0], whole[1][0])


def test_a_bad_image_met_by_a_worker_is_one_line(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train/red/bad.png").write_bytes(b"garbage")
    data = folder(tmp_path, val_fraction=0, in_memory=False, workers=1)
    with pytest.raises(UserError) as caught:
        list(data.train_dataloader())
    assert str(caught.value).startswith(str(tmp_path / "train/red/bad.png"))
    assert len(str(caught.value).splitlines()) == 1


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
