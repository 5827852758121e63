"""Fashion-MNIST: 60,000 + 10,000 pieces of clothing, 28x28 grey.

Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms", 2017.
"""

from __future__ import annotations

from functools import partial

from groundup.data.idx import archives, read_split
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FOLDER = "FashionMNIST/raw"
SERVERS = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
# MD5 and bytes of the archive, as torchvision knows them, and the MD5 of what it unpacks to, which it does not know.
FILES = {
    "train-images": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train-labels": ("25c81989df183df01b3e8a0aad5dffbe", 29515, "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images": ("bef4ecab320f06d8554ea6380940ec79", 4422102, "8181f5470baa50b63fa0f6fddb340f0a"),
    "t10k-labels": ("bb300cfdad3c16e7a12a480ee83cd310", 5148, "15d484375f8d13e6eb1aabb0c3f46965"),
}

DATA = PublishedSet(
    DatasetSpec("fashion_mnist", 1, 28, 28, CLASSES, (0.2860,), (0.3530,), 60_000, 10_000),
    read=partial(read_split, FOLDER),
    archives=archives(FOLDER, SERVERS, FILES),
)
