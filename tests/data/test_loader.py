from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.model_selection import StratifiedKFold
from torch import Generator
from torch.utils.data import TensorDataset
from torchvision.transforms.functional import normalize

from groundup.data import augment
from groundup.data.amounts import Amounts
from groundup.data.augment_names import NAMES
from groundup.data.draws import Part
from groundup.data.finish import Finish
from groundup.data.loader import Batches, Positions, StreamedBatches
from groundup.data.order import EpochOrder
from groundup.data.split import stratified_folds, stratified_split
from groundup.errors import UserError
from groundup.seeds import seed_from

MEAN, STD = (0.5, 0.25), (0.2, 0.3)


def make_images(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.randint(0, 256, (count, 2, 6, 5), dtype=torch.uint8, generator=Generator().manual_seed(0))
    return pixels, torch.arange(count)


def random_crop(images, index, epoch, generator):
    return augment.crop(images, 2, generator)


def test_every_image_comes_once_in_an_order_that_depends_on_seed_and_epoch_alone():
    order = EpochOrder(100, 8, seed=3)
    first = torch.cat(order.batches())
    assert sorted(first.tolist()) == list(range(100))
    torch.manual_seed(99)
    assert torch.equal(torch.cat(EpochOrder(100, 8, seed=3).batches()), first)
    order.set_epoch(1)
    assert not torch.equal(torch.cat(order.batches()), first)
    assert not torch.equal(torch.cat(EpochOrder(100, 8, seed=0).batches()), first)


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    images, labels = make_images(20)
    list(Batches(images, labels, EpochOrder(20, 4), Finish(MEAN, STD, augment=random_crop)))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


def test_the_number_of_threads_is_left_alone():
    threads = torch.get_num_threads()
    images, labels = make_images(20)
    try:
        torch.set_num_threads(2)
        for _ in Batches(images, labels, EpochOrder(20, 4), Finish(MEAN, STD)):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_the_order_is_kept_where_it_is_not_shuffled():
    assert [batch.tolist() for batch in EpochOrder(6, 4, shuffle=False).batches()] == [[0, 1, 2, 3], [4, 5]]


def test_no_batch_is_a_single_image_but_where_that_was_asked_for():
    assert [len(batch) for batch in EpochOrder(129, 64).batches()] == [64, 65]
    assert [len(batch) for batch in EpochOrder(3, 1).batches()] == [1, 1, 1]


@pytest.mark.parametrize("size", [1, 7, 96, 97, 98, 99, 100])
@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_any_number_of_processes_sees_the_same_global_batches(size, world_size):
    if size < world_size:
        pytest.skip("refused, see below")
    whole = [set(batch.tolist()) for batch in EpochOrder(size, 8, seed=1).batches()]
    orders = [EpochOrder(size, 8, seed=1, rank=rank, world_size=world_size) for rank in range(world_size)]
    parts = [order.batches() for order in orders]
    assert {len(part) for part in parts} == {len(orders[0])}
    assert min(len(batch) for part in parts for batch in part) >= 1
    merged = [sorted(torch.cat(batches).tolist()) for batches in zip(*parts, strict=True)]
    assert sorted(row for batch in merged for row in batch) == list(range(size))
    if len(merged) < len(whole):  # the last two were joined, as the last had fewer images than there are processes
        assert len(whole[-1]) < world_size
        whole = [*whole[:-2], whole[-2] | whole[-1]]
    assert [set(batch) for batch in merged] == whole


def test_fewer_images_than_processes_are_refused():
    with pytest.raises(UserError, match=r"2 images cannot be split between trainer\.devices=3"):
        EpochOrder(2, 8, world_size=3)


def test_shares_make_the_mean_over_processes_that_of_the_global_batch():
    losses = torch.rand(13, generator=Generator().manual_seed(0))
    orders = [EpochOrder(13, 5, rank=rank, world_size=2) for rank in range(2)]
    for number in range(len(orders[0])):
        own = [losses[order.batches()[number]] for order in orders]
        weighted = sum(part.mean() * order.share(number) for part, order in zip(own, orders, strict=True)) / 2
        assert torch.allclose(weighted, torch.cat(own).mean())
    assert orders[0].share(0) == 3 * 2 / 5  # 3 of 5 images; unweighted, the mean above would be wrong
    assert [EpochOrder(13, 5).share(number) for number in range(3)] == [1.0, 1.0, 1.0]


def test_a_batch_is_what_totensor_and_normalize_give():
    images, labels = make_images(20)
    order = EpochOrder(20, 6, seed=2)
    batches = list(Batches(images, labels, order, Finish(MEAN, STD), chunk=13))
    assert len(batches) == len(order) == 4
    for (x, y), rows in zip(batches, order.batches(), strict=True):
        assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
        assert torch.equal(y, labels[rows])
        assert torch.allclose(x, normalize(images[rows].float() / 255, MEAN, STD), atol=1e-5)
        assert not torch.allclose(x, normalize(images[rows].float() / 255, STD, MEAN), atol=1e-5)


@pytest.mark.parametrize("start", range(8))
def test_an_epoch_resumed_at_any_batch_gives_the_same_batches_to_the_last_bit(start):
    images, labels = make_images(30)

    def batches(epoch: int, start: int) -> list:
        order = EpochOrder(30, 4, seed=5)
        order.set_epoch(epoch)
        order.start = start
        return list(Batches(images, labels, order, Finish(MEAN, STD, augment=random_crop, seed=5), chunk=12))

    whole, rest = batches(3, 0), batches(3, start)
    assert len(rest) == 8 - start
    for (x, y), (again_x, again_y) in zip(whole[start:], rest, strict=True):
        assert torch.equal(x, again_x)
        assert torch.equal(y, again_y)
    assert not torch.equal(whole[0][0], batches(4, 0)[0][0])


@pytest.mark.parametrize("start", [0, 3, 7])
def test_positions_make_the_same_batches(start):
    images, labels = make_images(30)
    order = EpochOrder(30, 4, seed=5)
    order.set_epoch(3)
    order.start = start
    positions = Positions(images, labels, order, Finish(MEAN, STD))
    made = [positions.make(index, Generator()) for index in positions]
    expected = list(Batches(images, labels, order, Finish(MEAN, STD)))
    assert len(made) == len(expected) == len(positions) - start
    for (x, y), (other_x, other_y) in zip(made, expected, strict=True):
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)
    order.set_epoch(4)
    assert not torch.equal(made[0][0], positions.make(next(iter(positions)), Generator())[0])


def test_batches_of_positions_are_augmented_with_the_generator_that_is_given():
    images, labels = make_images(30)
    order = EpochOrder(30, 30, shuffle=False)
    positions = Positions(images, labels, order, Finish(MEAN, STD, augment=random_crop))
    cropped = augment.crop(images, 2, Generator().manual_seed(7))
    expected = normalize(cropped.float() / 255, MEAN, STD)
    for seed, same in ((7, True), (8, False)):
        [x] = [positions.make(index, Generator().manual_seed(seed))[0] for index in positions]
        assert torch.allclose(x, expected, atol=1e-5) == same


def test_augmentation_differs_between_epochs_chunks_and_processes():
    images = make_images(1)[0].repeat(8, 1, 1, 1)
    index = torch.arange(8)

    def finish(epoch: int, number: int, rank: int = 0, seed: int = 0) -> torch.Tensor:
        return Finish(MEAN, STD, augment=random_crop, seed=seed, rank=rank)(images, index, epoch, number)

    results = [finish(0, 0), finish(1, 0), finish(0, 1), finish(0, 0, rank=1), finish(0, 0, seed=1)]
    assert torch.equal(results[0], finish(0, 0))
    assert all(not torch.equal(a, b) for i, a in enumerate(results) for b in results[:i])


@pytest.mark.parametrize(("size", "batch_size", "passes", "world_size"), [(30, 4, 1, 1), (33, 8, 2, 3), (5, 8, 1, 2)])
def test_the_sizes_of_batches_are_known_without_them(size, batch_size, passes, world_size):
    for rank in range(world_size):
        order = EpochOrder(size, batch_size, passes=passes, rank=rank, world_size=world_size)
        assert order.sizes == [len(batch) for batch in order.batches()]


def test_a_part_of_a_batch_is_augmented_as_in_the_whole():
    images = make_images(9)[0]
    fill = torch.zeros(2, 1, 1, dtype=torch.uint8)
    chain = augment.chain(
        [name for name in NAMES if name != "none"],
        Amounts(crop_padding=2, shift=1, cutout_size=2),
        fill=fill,
        two_sides=torch.arange(9) % 2 == 0,
    )
    index = torch.arange(9)
    whole = chain(images, index, 0, Generator().manual_seed(3))
    parts = [
        chain(images[rows], index[rows], 0, Part(Generator().manual_seed(3), rows.start, 9))
        for rows in (slice(0, 4), slice(4, 8), slice(8, 9))
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(chain(images[4:8], index[4:8], 0, Generator().manual_seed(3)), whole[4:8])


@pytest.mark.parametrize("start", range(8))
def test_streamed_batches_are_those_of_memory_in_every_chunk(start):
    images, labels = make_images(30)
    order = EpochOrder(30, 4, seed=5)
    order.set_epoch(3)
    order.start = start
    finish = Finish(MEAN, STD, augment=random_crop, seed=5)
    dataset = TensorDataset(images, labels, torch.arange(30))
    pairs = [list(Batches(images, labels, order, finish, 12)), list(StreamedBatches(dataset, order, finish, chunk=12))]
    assert len(pairs[0]) == 8 - start
    for (x, y), (streamed_x, streamed_y) in zip(*pairs, strict=True):
        assert torch.equal(x, streamed_x)
        assert torch.equal(y, streamed_y)


def test_a_new_epoch_starts_at_its_first_batch_and_the_same_one_where_it_was():
    order = EpochOrder(30, 4)
    order.set_epoch(2)
    order.start = 5
    order.set_epoch(2)
    assert order.start == 5
    order.set_epoch(3)
    assert order.start == 0
    assert len(order) == 8


def test_mixed_seeds_are_all_different():
    assert len({seed_from(a, b, c) for a in range(5) for b in range(5) for c in range(5)}) == 125


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.333])
@pytest.mark.parametrize("size", [10, 101, 1000])
def test_a_split_is_exact_disjoint_and_stratified(fraction, size):
    labels = torch.randint(0, 4, (size,), generator=Generator().manual_seed(1))
    kept, held_out = stratified_split(labels, fraction, Generator().manual_seed(0))
    assert len(held_out) == round(size * fraction)
    assert sorted([*kept.tolist(), *held_out.tolist()]) == list(range(size))
    counts, wanted = torch.bincount(labels[held_out], minlength=4), torch.bincount(labels, minlength=4) * fraction
    assert (counts - wanted).abs().max() <= 1


def test_a_split_depends_on_the_seed_alone():
    labels = torch.arange(100) % 10
    splits = [stratified_split(labels, 0.2, Generator().manual_seed(seed))[1] for seed in (0, 0, 1)]
    assert torch.equal(splits[0], splits[1])
    assert not torch.equal(splits[0], splits[2])


@pytest.mark.parametrize("folds", [2, 5, 7])
@pytest.mark.parametrize("size", [40, 101, 1438])
def test_folds_are_disjoint_whole_and_as_even_as_those_of_scikit_learn(folds, size):
    labels = torch.randint(0, 4, (size,), generator=Generator().manual_seed(1)).square() % 5  # uneven classes
    dealt = stratified_folds(labels, folds, Generator().manual_seed(0))
    parts = [(dealt == fold).nonzero()[:, 0] for fold in range(folds)]
    assert sorted(torch.cat(parts).tolist()) == list(range(size))
    theirs = [
        torch.as_tensor(held_out)
        for _, held_out in StratifiedKFold(folds, shuffle=True, random_state=0).split(labels, labels)
    ]
    assert unevenness(labels, parts)[0] == (1 if size % folds else 0)
    assert unevenness(labels, parts)[1] <= 1
    assert unevenness(labels, theirs) == unevenness(labels, parts)
    plain = torch.arange(size).sort().values.tensor_split(folds)
    assert unevenness(labels.sort().values, plain)[1] > 1  # a cut that is not stratified is seen


def unevenness(labels, parts):
    """How many more images the largest part has than the smallest, and at most of any class."""
    sizes = torch.tensor([len(part) for part in parts])
    of_classes = torch.stack([torch.bincount(labels[part], minlength=5) for part in parts])
    return int(sizes.max() - sizes.min()), int((of_classes.max(0).values - of_classes.min(0).values).max())


def test_folds_depend_on_the_seed_alone():
    labels = torch.arange(100) % 10
    dealt = [stratified_folds(labels, 5, Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(dealt[0], dealt[1])
    assert not torch.equal(dealt[0], dealt[2])
