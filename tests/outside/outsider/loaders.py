"""A data module as Lightning's documentation has it, which knows nothing of us."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset


class Stripes(LightningDataModule):
    """Stripes that lie, stand or lean: three classes, images `(3, 10, 10)`."""

    def __init__(self, bs: int = 16, images: int = 120):
        super().__init__()
        self.bs, self.images = bs, images

    def setup(self, stage: str) -> None:
        sizes = {"fit": {"train": self.images, "val": 30}, "test": {"test": 60}}[stage]
        for number, (split, size) in enumerate(sizes.items()):
            setattr(self, split, TensorDataset(*_stripes(size, seed=number if stage == "fit" else 2)))

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, self.bs, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, self.bs)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test, self.bs)


def _stripes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    rows, columns = torch.meshgrid(torch.arange(10.0), torch.arange(10.0), indexing="ij")
    waves = torch.stack([rows, columns, rows + columns])[labels]
    phases = 6.3 * torch.rand(count, 1, 1, generator=generator)
    images = (waves + phases).sin()[:, None].expand(-1, 3, -1, -1)
    return images + 0.3 * torch.randn(images.shape, generator=generator), labels
