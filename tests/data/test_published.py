"""A published data set is one file of the package and one YAML, and is read as it was published."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_files import idx, md5, zip_of
from reading import read

from groundup.data import published
from groundup.data.download import ensure
from groundup.data.intact import is_intact
from groundup.data.module import ImageData
from groundup.data.published import emnist as published_emnist
from groundup.data.published import published_names, published_set
from groundup.data.published import svhn as published_svhn
from groundup.data.specs import make_spec
from groundup.errors import UserError

PROJECT = Path(__file__).parents[2]
SQUARES = '''"""Grey squares, dark and bright."""
import numpy as np

from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec


def read(root, split):
    labels = np.arange(60 if split == "train" else 20) % 2
    return np.broadcast_to((labels * 255).astype(np.uint8)[:, None, None, None], (len(labels), 1, 8, 8)).copy(), labels


DATA = PublishedSet(DatasetSpec("squares", 1, 8, 8, ("dark", "bright"), (0.5,), (0.5,), 60, 20), read)
'''
YAML = "defaults:\n  - base\n  - _self_\nname: squares\n"


def test_every_published_set_has_its_yaml_and_its_own_name():
    options = {file.stem for file in (PROJECT / "conf" / "data").glob("*.yaml")} - {"base", "image_folder", "arrays"}
    assert set(published_names()) == options
    assert [published_set(name).spec.name for name in published_names()] == list(published_names())


@pytest.mark.parametrize("name", ["", "__init__", "os", "..specs", "image_folder", None, 3, ["mnist"]])
def test_nothing_else_is_imported_as_a_data_set(name):
    assert published_set(name) is None


def test_a_new_set_is_found_and_served_in_batches(tmp_path, monkeypatch):
    (tmp_path / "squares.py").write_text(SQUARES)
    monkeypatch.setattr(published, "__path__", [*published.__path__, str(tmp_path)])
    data = ImageData(make_spec({"name": "squares"}), "", val_fraction=0.5, limit_test=7)
    data.prepare_data()
    data.setup("fit")
    assert (data.train_size, data.val_size, data.test_size) == (30, 30, 7)
    for x, y in data.train_dataloader():
        assert torch.equal(x[:, 0, 0, 0], 2.0 * y - 1)
    del sys.modules["groundup.data.published.squares"]


def test_a_new_set_is_one_file_and_one_yaml(tmp_path):
    """In a copy of the project: a config that names it is accepted as that of any other set, and one that does not."""
    shutil.copytree(PROJECT / "src/groundup", tmp_path / "src/groundup", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    (tmp_path / "src/groundup/data/published/squares.py").write_text(SQUARES)
    (tmp_path / "conf/data/squares.yaml").write_text(YAML)
    code = (
        "from pathlib import Path; from hydra import compose, initialize_config_dir\n"
        "from groundup.command.resolvers import register_resolvers; from groundup.config.check import check\n"
        "import sys; root = Path.cwd(); register_resolvers(root)\n"
        "with initialize_config_dir(str(root / 'conf'), version_base='1.3'):\n"
        "    for words in (['data=squares'], ['data=squares', 'data.image_size=12', 'model=lenet']):\n"
        "        print(check(compose('train', words))['data']['name'])\n"
        "    check(compose('train', ['data=squares', 'model=lenet']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": "src"}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["squares", "squares"], done.stderr
    assert "model=lenet with data=squares: lenet needs images of at least 12x12 pixels" in done.stderr


def test_mnist_is_what_torchvision_reads(server, fake_mnist, tmp_path):
    from torchvision.datasets import MNIST

    server.files = fake_mnist
    ensure("mnist", tmp_path, server.url)
    for split in ("train", "test"):
        theirs, ours = MNIST(tmp_path, train=split == "train"), read(make_spec({"name": "mnist"}), tmp_path, split)
        assert torch.equal(ours.pixels[:, 0], theirs.data)
        assert torch.equal(ours.labels, theirs.targets)


def test_cifar100_is_what_torchvision_reads(server, fake_cifar100, tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR100

    monkeypatch.setattr(CIFAR100, "_check_integrity", lambda self: True)  # it knows the published files alone
    monkeypatch.setattr(CIFAR100, "_load_meta", lambda self: None)
    server.files = {"cifar-100-python.tar.gz": fake_cifar100}
    ensure("cifar100", tmp_path, server.url)
    for split in ("train", "test"):
        theirs, ours = (
            CIFAR100(tmp_path, train=split == "train"),
            read(make_spec({"name": "cifar100"}), tmp_path, split),
        )
        assert np.array_equal(ours.pixels.permute(0, 2, 3, 1).numpy(), theirs.data)
        assert ours.labels.tolist() == theirs.targets


@pytest.mark.parametrize("kind", ["balanced", "letters"])
@pytest.mark.parametrize("packed", [True, False])
def test_emnist_is_what_torchvision_reads_upright_and_from_0(tmp_path, monkeypatch, kind, packed):
    """From its archive of archives, and from the files that torchvision has unpacked; small ones in their format."""
    from torchvision.datasets import EMNIST

    random = np.random.default_rng(0)
    shapes = {"images": (9, 28, 28), "labels": (9,)}
    files = {
        published_emnist._file(kind, split, what): idx(random.integers(1, 27, shape))
        for split in ("train", "test")
        for what, shape in shapes.items()
    }
    content = zip_of({f"gzip/{name}.gz": gzip.compress(data) for name, data in files.items()})
    members = {f"EMNIST/raw/{name}": len(data) for name, data in files.items()}
    found = published_set("emnist").kinds[kind]
    archive = replace(found.archives[0], md5=md5(content), members=members, unpacked=sum(members.values()))
    small = replace(found, archives=(archive,))
    monkeypatch.setitem(published_emnist.KINDS, kind, small)
    there = tmp_path / "mirror" if packed else tmp_path / "root" / "EMNIST" / "raw"
    there.mkdir(parents=True)
    for name, data in ({"gzip.zip": content} if packed else files).items():
        (there / name).write_bytes(data)
    ensure("emnist", tmp_path / "root", str(tmp_path / "mirror"), kind={"split": kind})
    for split in ("train", "test"):
        theirs = EMNIST(tmp_path / "root", split=kind, train=split == "train")
        pixels, labels = small.read(tmp_path / "root", split)
        assert np.array_equal(pixels[:, 0], theirs.data.numpy().transpose(0, 2, 1))
        assert [small.spec.class_names[label] for label in labels] == [
            theirs.classes[label] for label in theirs.targets
        ]
    damaged = tmp_path / "root" / next(iter(members))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"it has 7,\d\d\d bytes, the published file 7,"):
        ensure("emnist", tmp_path / "root", kind={"split": kind})


def test_files_of_another_set_are_not_taken_for_one_whose_own_have_no_published_md5(tmp_path, monkeypatch):
    content = idx(np.zeros((9, 28, 28)))
    monkeypatch.setattr("groundup.data.intact._published", lambda: {md5(content)})
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError, match=r"a is a file of another data set, as its MD5, \w+, tells. Move it away"):
        is_intact(tmp_path / "a", len(content))
    monkeypatch.setattr("groundup.data.intact._published", lambda: {md5(content[:-1])})
    assert is_intact(tmp_path / "a", len(content))


@pytest.mark.real_data
def test_mnist_is_not_taken_for_kmnist(real_root, tmp_path):
    (tmp_path / "KMNIST").mkdir()
    (tmp_path / "KMNIST" / "raw").symlink_to(real_root / "MNIST" / "raw")
    with pytest.raises(UserError, match="is a file of another data set"):
        ensure("kmnist", tmp_path)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz: no such file"):  # whose files nobody can hold
        ensure("kmnist", tmp_path / "empty", str(real_root / "MNIST" / "raw"))


def test_files_that_somebody_has_packed_anew_are_taken_from_a_folder(server, fake_mnist, tmp_path):
    """As those of Debian's package of Fashion-MNIST; the control has other contents."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for path, content in fake_mnist.items():
        (mirror / Path(path).name).write_bytes(gzip.compress(gzip.decompress(content), 1, mtime=7))
    ensure("mnist", tmp_path / "root", str(mirror))
    assert len(read(make_spec({"name": "mnist"}), tmp_path / "root", "test").labels)
    other = mirror / "t10k-labels-idx1-ubyte.gz"
    other.write_bytes(gzip.compress(b"\0" + gzip.decompress(other.read_bytes())[1:-1] + b"\7"))
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte.gz: damaged on the way"):
        ensure("mnist", tmp_path / "other", str(mirror))


def test_svhn_is_what_torchvision_reads(tmp_path, monkeypatch):
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    random = np.random.default_rng(0)
    (tmp_path / "mirror").mkdir()
    archives = []
    for archive, count in zip(published_set("svhn").kinds[True].archives, (12, 7, 5), strict=True):
        file = tmp_path / "mirror" / archive.filename
        labels = (np.arange(count) % 10 + 1)[:, None].astype(np.uint8)  # 10 stands for 0
        savemat(file, {"X": random.integers(0, 256, (32, 32, 3, count), np.uint8), "y": labels})
        archives.append(
            replace(archive, md5=md5(file.read_bytes()), members={archive.filename: md5(file.read_bytes())})
        )
    small = replace(published_set("svhn").kinds[True], archives=tuple(archives))
    monkeypatch.setitem(published_svhn.KINDS, True, small)
    ensure("svhn", tmp_path / "root", str(tmp_path / "mirror"), kind={"extra": True})
    monkeypatch.setattr(SVHN, "_check_integrity", lambda self: True)  # it knows the published files alone
    for split, parts in {"train": ["train", "extra"], "test": ["test"]}.items():
        theirs = [SVHN(tmp_path / "root", split=part) for part in parts]
        pixels, labels = small.read(tmp_path / "root", split)
        assert np.array_equal(pixels, np.concatenate([each.data for each in theirs]))
        assert labels.tolist() == [int(label) for each in theirs for label in each.labels]
    assert 0 in labels or len(labels) < 10


def test_what_is_known_of_new_sets_is_what_torchvision_knows():
    from torchvision.datasets import EMNIST, KMNIST, SVHN

    kmnist, emnist, svhn = (published_set(name) for name in ("kmnist", "emnist", "svhn"))
    assert [(archive.filename, archive.md5) for archive in kmnist.archives] == KMNIST.resources
    assert [f"{kmnist.archives[0].servers[0]}"] == KMNIST.mirrors
    assert list(kmnist.spec.class_names) == KMNIST.classes
    assert set(emnist.kinds) == set(EMNIST.splits)
    for kind, found in emnist.kinds.items():
        theirs = [name for name in EMNIST.classes_split_dict[kind] if name != "N/A"]
        assert list(found.spec.class_names) == theirs
        [archive] = found.archives
        assert (archive.servers[0] + archive.filename, archive.md5) == (EMNIST.url, EMNIST.md5)
    known = {name: (url, md5) for url, name, md5 in SVHN.split_list.values()}
    assert {a.filename: (a.servers[0] + a.filename, a.md5) for a in svhn.kinds[True].archives} == known


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_the_published_files_are_what_torchvision_reads(name, kind, real_root):
    from torchvision import datasets

    for split in ("train", "test"):
        theirs = getattr(datasets, kind)(real_root, train=split == "train")
        ours = read(make_spec({"name": name}), real_root, split)
        expected = torch.as_tensor(theirs.data)
        assert torch.equal(ours.pixels.permute(0, 2, 3, 1), expected.view(*expected.shape[:3], -1))
        assert torch.equal(ours.labels, torch.as_tensor(theirs.targets))


@pytest.mark.real_data
@pytest.mark.parametrize("name", published_names())
def test_what_a_spec_says_is_true_of_the_files(name, real_root):
    known = published_set(name)
    try:
        pixels, labels = known.read(real_root, "train")
    except FileNotFoundError:
        pytest.skip(f"no files of {name}")
    tested, _ = known.read(real_root, "test")
    spec = known.spec
    assert (len(pixels), len(tested)) == (spec.train_size, spec.test_size)
    assert pixels.shape[1:] == tested.shape[1:] == (spec.channels, *spec.image_size)
    assert set(labels.tolist()) == set(range(spec.num_classes))
    scaled = pixels.astype("float64").transpose(1, 0, 2, 3).reshape(spec.channels, -1) / 255
    assert scaled.mean(axis=1) == pytest.approx(spec.mean, abs=1e-4)
    assert scaled.std(axis=1) == pytest.approx(spec.std, abs=1e-4)


def test_files_that_are_not_as_the_spec_says_are_refused(server, fake_mnist, tmp_path, monkeypatch):
    server.files = fake_mnist
    ensure("mnist", tmp_path, server.url)
    known = published_set("mnist")
    for other in (
        {"class_names": tuple("0123")},
        {"channels": 3, "mean": (0.1,) * 3, "std": (0.3,) * 3},
        {"height": 20},
    ):
        changed = replace(known, spec=replace(known.spec, **other))
        monkeypatch.setattr("groundup.data.module.published", lambda data, found=changed: found)
        monkeypatch.setattr("groundup.data.specs.published", lambda data, found=changed: found)
        with pytest.raises(UserError, match="data=mnist: its train split gives"):
            read(make_spec({"name": "mnist"}), tmp_path, "train")


def test_statistics_of_pixels_that_are_not_scaled_are_refused():
    known = published_set("mnist")
    with pytest.raises(ValueError, match="scaled to 0"):
        replace(known, spec=replace(known.spec, mean=(33.3,)))
