"""KMNIST (Kuzushiji-MNIST): 60,000 + 10,000 cursive hiragana of old books, 28x28 grey, one character of each row.

Source: T. Clanuwat et al., "Deep learning for classical Japanese literature", 2018.
"""

from __future__ import annotations

from functools import partial

from groundup.data.idx import archives, read_split
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
FOLDER = "KMNIST/raw"
SERVERS = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
# MD5 of the archive, as torchvision knows it, and its bytes; the MD5 of what it unpacks to nobody has published.
FILES = {
    "train-images": ("bdb82020997e1d708af4cf47b453dcf7", 18165135, None),
    "train-labels": ("e144d726b3acfaa3e44228e80efcd344", 29497, None),
    "t10k-images": ("5c965bf0a639b31b8f53240b1b52f4d7", 3041136, None),
    "t10k-labels": ("7320c461ea6c1c855c0b718fb2a4b134", 5120, None),
}

DATA = PublishedSet(  # mean and deviation as they are widely quoted, not computed here
    DatasetSpec("kmnist", 1, 28, 28, CLASSES, (0.1918,), (0.3483,), 60_000, 10_000),
    read=partial(read_split, FOLDER),
    archives=archives(FOLDER, SERVERS, FILES),
)
