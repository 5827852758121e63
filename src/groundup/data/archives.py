"""The published archives: where they are, how large, and the MD5s of them and of the files they hold."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A published archive, and the files it unpacks to: paths below the data root and their MD5s."""

    filename: str
    md5: str
    size: int  # bytes
    unpacked: int  # bytes of all members together
    servers: tuple[str, ...]
    folder: str  # where torchvision keeps the archive, below the data root
    members: dict[str, str]

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.filename)


def _idx(kind: str, md5: str, size: int, member_md5: str, folder: str, servers: tuple[str, ...]) -> Archive:
    """`kind` is `train-images` or the like."""
    member = f"{kind}-idx{3 if kind.endswith('images') else 1}-ubyte"
    return Archive(f"{member}.gz", md5, size, _IDX_BYTES[kind], servers, folder, {f"{folder}/{member}": member_md5})


def _cifar(filename: str, md5: str, size: int, unpacked: int, folder: str, members: dict[str, str]) -> Archive:
    servers = ("https://www.cs.toronto.edu/~kriz/",)
    paths = {f"{folder}/{name}": digest for name, digest in members.items()}
    return Archive(filename, md5, size, unpacked, servers, "", paths)


# 60,000 and 10,000 images of 28 x 28 pixels after a header of 16 bytes, their labels after one of 8
_IDX_BYTES = {"train-images": 47040016, "train-labels": 60008, "t10k-images": 7840016, "t10k-labels": 10008}


_MNIST = ("MNIST/raw", ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"))
_FASHION = ("FashionMNIST/raw", ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",))

# The MD5s are those torchvision knows; of MNIST's and Fashion-MNIST's unpacked files it knows none: these are the MD5s
# of what the published archives unpack to.
ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "mnist": tuple(
        _idx(kind, md5, size, member_md5, *_MNIST)
        for kind, md5, size, member_md5 in (
            ("train-images", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422, "6bbc9ace898e44ae57da46a324031adb"),
            ("train-labels", "d53e105ee54ea40749a09fcbcd1e9432", 28881, "a25bea736e30d166cdddb491f175f624"),
            ("t10k-images", "9fb629c4189551a2d022fa330f9573f3", 1648877, "2646ac647ad5339dbf082846283269ea"),
            ("t10k-labels", "ec29112dd5afa0611ce80d1b7f02629c", 4542, "27ae3e4e09519cfbb04c329615203637"),
        )
    ),
    "fashion_mnist": tuple(
        _idx(kind, md5, size, member_md5, *_FASHION)
        for kind, md5, size, member_md5 in (
            ("train-images", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
            ("train-labels", "25c81989df183df01b3e8a0aad5dffbe", 29515, "9018921c3c673c538a1fc5bad174d6f9"),
            ("t10k-images", "bef4ecab320f06d8554ea6380940ec79", 4422102, "8181f5470baa50b63fa0f6fddb340f0a"),
            ("t10k-labels", "bb300cfdad3c16e7a12a480ee83cd310", 5148, "15d484375f8d13e6eb1aabb0c3f46965"),
        )
    ),
    "cifar10": (
        _cifar(
            "cifar-10-python.tar.gz",
            "c58f30108f718f92721af3b95e74349a",
            170498071,
            186214026,
            "cifar-10-batches-py",
            {
                "data_batch_1": "c99cafc152244af753f735de768cd75f",
                "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "data_batch_4": "634d18415352ddfa80567beed471001a",
                "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
                "test_batch": "40351d587109b95175f43aff81a1287e",
                "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
            },
        ),
    ),
    "cifar100": (
        _cifar(
            "cifar-100-python.tar.gz",
            "eb9058c3a382ffc7106e4002c42a8d85",
            169001437,
            186301098,
            "cifar-100-python",
            {
                "train": "16019d7e3df5f24257cddd939b257f8d",
                "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
                "meta": "7973b15100ade9c7d40fb424638fde48",
            },
        ),
    ),
}
