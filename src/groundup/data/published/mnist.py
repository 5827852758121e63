"""MNIST: 60,000 + 10,000 handwritten digits, 28x28 grey.

Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.
"""

from __future__ import annotations

from functools import partial

from groundup.data.idx import archives, read_split
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

FOLDER = "MNIST/raw"
SERVERS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
# MD5 and bytes of the archive, as torchvision knows them, and the MD5 of what it unpacks to, which it does not know.
FILES = {
    "train-images": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels": ("d53e105ee54ea40749a09fcbcd1e9432", 28881, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images": ("9fb629c4189551a2d022fa330f9573f3", 1648877, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels": ("ec29112dd5afa0611ce80d1b7f02629c", 4542, "27ae3e4e09519cfbb04c329615203637"),
}

DATA = PublishedSet(
    DatasetSpec("mnist", 1, 28, 28, tuple("0123456789"), (0.1307,), (0.3081,), 60_000, 10_000),
    read=partial(read_split, FOLDER),
    archives=archives(FOLDER, SERVERS, FILES),
)
