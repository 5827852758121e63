"""CIFAR-100: 50,000 + 10,000 photographs, 32x32 colour, of 100 fine classes in 20 coarse ones.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from groundup.data.cifar import archive, read_batches
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

FINE_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
    pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
COARSE_CLASSES = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
"""
FINE = DatasetSpec(
    *("cifar100", 3, 32, 32, tuple(FINE_CLASSES.split())),
    *((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762), 50_000, 10_000),
)
COARSE = replace(FINE, class_names=tuple(COARSE_CLASSES.split()))
FOLDER = "cifar-100-python"
MD5S = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}
ARCHIVES = (archive("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169001437, 186301098, FOLDER, MD5S),)


def read(root: Path, split: str, labels: str) -> tuple[Any, Any]:
    return read_batches([root / FOLDER / split], labels)


KINDS = {
    "fine": PublishedSet(FINE, partial(read, labels="fine_labels"), ARCHIVES),
    "coarse": PublishedSet(COARSE, partial(read, labels="coarse_labels"), ARCHIVES),
}
DATA = replace(KINDS["fine"], key="labels", kinds=KINDS)
