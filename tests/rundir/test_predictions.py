"""What was predicted comes back as it was written, in a small file; what is no such file is refused in words."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from groundup.rundir.plain import Unreadable
from groundup.rundir.predictions import Predictions, read_predictions, read_predictions_file, write_predictions

TEN = tuple("0123456789")


def some_predictions(images=50, classes=10, split="test", seed=0):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.3), images)
    true = random.integers(classes, size=images)
    names = tuple(f"class {number}" for number in range(classes))
    return Predictions("stars", split, names, true, probabilities.argmax(1), probabilities)


@pytest.mark.parametrize("split", ["test", "val"])
def test_what_was_written_comes_back(tmp_path, split):
    written = some_predictions(split=split)
    write_predictions(tmp_path / f"{split}_predictions.npz", written)
    found = read_predictions(tmp_path, split)
    assert (found.data, found.split, found.classes) == ("stars", split, written.classes)
    assert (found.true == written.true).all()
    assert (found.predicted == written.predicted).all()
    assert (found.right == (written.true == written.probabilities.argmax(1))).all()
    assert 0 < found.right.sum() < 50
    np.testing.assert_allclose(found.probabilities, written.probabilities, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.doubt, 1 - written.probabilities.max(1), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.likelihood, written.probabilities[range(50), written.true], rtol=1e-3, atol=1e-6)


def test_a_run_that_kept_nothing_has_none(tmp_path):
    assert read_predictions(tmp_path, "test") is None


@pytest.mark.parametrize(("classes", "most"), [(10, 250e3), (100, 2.5e6)])
def test_ten_thousand_images_take_a_small_file(tmp_path, classes, most):
    write_predictions(tmp_path / "a.npz", some_predictions(10_000, classes))
    assert (tmp_path / "a.npz").stat().st_size <= most
    assert read_predictions_file(tmp_path / "a.npz").probabilities.shape == (10_000, classes)


def test_of_more_than_a_hundred_classes_the_probability_of_the_predicted_and_of_the_true_one_is_kept(tmp_path):
    written = some_predictions(10_000, 101)
    write_predictions(tmp_path / "a.npz", written)
    found = read_predictions_file(tmp_path / "a.npz")
    assert found.probabilities is None
    assert (tmp_path / "a.npz").stat().st_size <= 100e3
    np.testing.assert_allclose(found.confidence, written.probabilities.max(1), atol=5e-4)
    np.testing.assert_allclose(found.likelihood, written.likelihood, rtol=1e-3, atol=1e-6)
    assert (found.right == written.right).all()


def test_answers_that_half_precision_takes_for_certain_are_told_apart(tmp_path):
    doubt = np.array([1e-5, 2e-5, 0.3])
    sure = np.stack([1 - doubt, doubt], axis=1)
    write_predictions(tmp_path / "a.npz", Predictions("d", "test", ("a", "b"), [0, 1, 0], [0, 0, 0], sure))
    found = read_predictions_file(tmp_path / "a.npz")
    assert found.probabilities[0, 0] == found.probabilities[1, 0] == 1
    np.testing.assert_allclose(found.doubt, doubt, rtol=5e-3)


def test_an_image_without_numbers_is_not_right(tmp_path):
    nothing = np.array([[np.nan, np.nan], [0.9, 0.1]])
    write_predictions(tmp_path / "a.npz", Predictions("d", "test", ("a", "b"), [0, 0], [0, 0], nothing))
    found = read_predictions_file(tmp_path / "a.npz")
    assert found.right.tolist() == [False, True]
    assert np.isnan(found.doubt[0])


def test_classes_alone_are_enough(tmp_path):
    write_predictions(tmp_path / "a.npz", Predictions("d", "test", TEN, np.array([3, 9]), np.array([3, 0])))
    found = read_predictions_file(tmp_path / "a.npz")
    assert found.right.tolist() == [True, False]
    assert found.probabilities is found.doubt is found.likelihood is None


def test_equal_predictions_are_equal_files(tmp_path):
    for name in "ab":
        write_predictions(tmp_path / name, some_predictions())
    write_predictions(tmp_path / "c", some_predictions(seed=1))
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": "moons"}, "data=stars and data=moons"),
        ({"split": "val"}, "split=test and split=val"),
        ({"classes": TEN}, "other classes"),
        ({"classes": some_predictions().classes[::-1]}, "the same classes in another order"),
        ({"true": some_predictions().true[::-1]}, "other images, or in another order"),
    ],
)
def test_answers_to_other_questions_are_told_from_answers_to_the_same(changed, words):
    def made(**changed):
        whole = {name: getattr(some_predictions(), name) for name in ("data", "split", "classes", "true", "predicted")}
        return Predictions(**whole | changed)

    assert made().difference(made(**changed)) == words
    assert made().difference(made(predicted=made().true)) is None
    few = made(true=made().true[:-1], predicted=made().true[:-1])
    assert made().difference(few) == "50 and 49 images"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (dict(true=[0, 1], predicted=[0]), "shape"),
        (dict(true=[0, 2], predicted=[0, 0]), "no class: there are 2"),
        (dict(true=[0, 1], predicted=[-1, 0]), "no class"),
        (dict(true=[0.0, 1.0], predicted=[0, 0]), "whole numbers"),
        (dict(true=[0], predicted=[0], probabilities=np.ones((1, 3))), "shape"),
        (dict(true=[0], predicted=[0], probabilities=np.array([[2.0, -1.0]])), "not within 0 and 1"),
        (dict(true=[0], predicted=[0], doubt=np.array([np.inf])), "not within 0 and 1"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(arrays, words):
    with pytest.raises(ValueError, match=words):
        Predictions("d", "test", ("a", "b"), **arrays)


def archive_of(stored=zipfile.ZIP_STORED, **changed):
    arrays = {"true": np.zeros(4, np.uint8), "predicted": np.zeros(4, np.uint8)}
    arrays |= {"about": np.frombuffer(b'{"data": "d", "split": "test", "classes": ["a", "b"]}', np.uint8)} | changed
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", stored) as archive:
        for name, array in arrays.items():
            if array is not None:
                member = io.BytesIO()
                np.lib.format.write_array(member, array) if isinstance(array, np.ndarray) else member.write(array)
                archive.writestr(f"{name}.npy", member.getvalue())
    return content.getvalue()


def many_members(count):
    """An archive whose list of members is what fills the memory."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}", b"")
    return content.getvalue()


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


def header(shape, kind="|u1"):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": kind, "fortran_order": False, "shape": shape})
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a zip file"),
        (b"PK\x03\x04" + bytes(100), "not a zip file"),
        (pickle.dumps(Evil()), "not a zip file"),
        (archive_of(about=None), "other arrays"),
        (archive_of(more=np.zeros(1)), "other arrays"),
        (archive_of(about=np.frombuffer(b"[]", np.uint8)), "does not say of what"),
        (archive_of(about=np.frombuffer(b'{"data": 1, "split": "test", "classes": []}', np.uint8)), "of what it is"),
        (archive_of(about=np.frombuffer(b"{" * 10**5, np.uint8)), "property name"),
        (archive_of(about=np.frombuffer(b'{"data": "d", "split": "test", "classes": [1]}', np.uint8)), "no names"),
        (archive_of(true=np.array([Evil()], dtype=object)), "array of object"),
        (archive_of(true=np.zeros(4)), "array of float64"),
        (archive_of(true=np.zeros(3, np.uint8)), "shape"),
        (archive_of(true=np.full(4, 2, np.uint8)), "no class"),
        (archive_of(true=header((10**12,))), "cannot reshape"),
        (archive_of(true=header((-1,)) + bytes(4), predicted=header((2, 2)) + bytes(4)), "shape"),
        (archive_of(doubt=np.full(4, 7, np.float16)), "not within"),
        (archive_of(about=np.zeros(2**24 + 1, np.uint8)), "too large"),
        (many_members(2 * 10**4), "other arrays"),
        (many_members(8), "other arrays"),
        (archive_of(zipfile.ZIP_DEFLATED, true=np.zeros(10**6, np.uint8)), "compressed"),
    ],
)
def test_what_is_no_file_of_predictions_is_refused_in_words(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_predictions.npz").write_bytes(content)
    with pytest.raises(Unreadable, match=words) as refused:
        read_predictions(tmp_path, "test")
    assert str(refused.value).startswith("test_predictions.npz: ")
    assert not (tmp_path / "evil").exists()


def test_a_flipped_bit_is_noticed(tmp_path):
    file = tmp_path / "test_predictions.npz"
    write_predictions(file, some_predictions())
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            found = read_predictions(tmp_path, "test")
        except Unreadable:
            continue
        assert (found.true == some_predictions().true).all(), "a bit of the archive's own, of no array"
    for length in range(0, len(whole), 50):
        file.write_bytes(whole[:length])
        with pytest.raises(Unreadable):
            read_predictions(tmp_path, "test")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "test_predictions.npz")
    with pytest.raises(Unreadable, match="a pipe"):
        read_predictions(tmp_path, "test")
    (tmp_path / "val_predictions.npz").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Unreadable, match="No such file"):
        read_predictions(tmp_path, "val")


def test_predictions_of_another_split_are_not_taken_for_these(tmp_path):
    write_predictions(tmp_path / "val_predictions.npz", some_predictions(split="test"))
    with pytest.raises(Unreadable, match="split=test"):
        read_predictions(tmp_path, "val")


def test_they_are_read_without_torch():
    code = "import sys, groundup.rundir.predictions; assert not {'torch', 'pickle5'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_long_list_of_members_is_refused_before_it_is_read(tmp_path, monkeypatch):
    """Whatever its end says; `zipfile` would make an object of every member."""
    (tmp_path / "test_predictions.npz").write_bytes(many_members(70_000))  # so many that the end says it elsewhere
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it is read"))
    with pytest.raises(Unreadable, match="other arrays"):
        read_predictions(tmp_path, "test")
