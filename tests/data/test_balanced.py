"""An order in which every class comes equally often."""

from __future__ import annotations

from collections import Counter

import torch

from groundup.data.balanced import BalancedOrder
from groundup.data.module import ImageData
from groundup.data.specs import make_spec

LABELS = torch.tensor([0] * 60 + [1] * 7 + [3] * 33)


def epoch(number: int, **options) -> list[torch.Tensor]:
    order = BalancedOrder(LABELS, 16, seed=4, **options)
    order.set_epoch(number)
    return order.batches()


def test_an_epoch_has_its_length_and_every_class_equally_often():
    for number in range(3):
        rows = torch.cat(epoch(number))
        assert len(rows) == 100
        assert sorted(LABELS[rows].bincount(minlength=4).tolist()) == [0, 33, 33, 34]
        times = Counter(rows.tolist())
        small = [times[row] for row in range(60, 67)]
        assert set(small) <= {4, 5}  # 33 or 34 of 7
        assert all(times[row] <= 1 for row in range(60))
    assert len(LABELS[torch.cat(epoch(0))[:30]].unique()) == 3  # shuffled


def test_it_follows_the_seed_and_the_epoch_and_shows_all_images_in_time():
    assert torch.equal(torch.cat(epoch(1)), torch.cat(epoch(1)))
    assert not torch.equal(torch.cat(epoch(1)), torch.cat(epoch(2)))
    assert len({row for number in range(20) for row in torch.cat(epoch(number)).tolist()}) == 100


def test_it_is_shared_by_processes_and_begins_where_a_run_was_stopped():
    whole, parts = epoch(1), [epoch(1, rank=rank, world_size=2) for rank in range(2)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(batch[0::2], first)
        assert torch.equal(batch[1::2], second)
    order = BalancedOrder(LABELS, 16, seed=4)
    order.set_epoch(1)
    order.start = 3
    assert [list(batch) for batch in order] == [batch.tolist() for batch in whole[3:]]


def test_training_alone_is_balanced():
    data = ImageData(make_spec({"name": "digits"}), "", sampler="balanced", limit_train=600)
    data.setup("fit")
    train = torch.cat([y for _, y in data.train_dataloader()]).bincount()
    assert train.max() - train.min() <= 1
    assert train.sum() == data.train_size
    plain = ImageData(make_spec({"name": "digits"}), "", limit_train=600)
    plain.setup("fit")
    assert torch.equal(*(torch.cat([y for _, y in each.val_dataloader()]) for each in (data, plain)))
    uneven = torch.cat([y for _, y in plain.train_dataloader()]).bincount()
    assert uneven.max() - uneven.min() > 1
