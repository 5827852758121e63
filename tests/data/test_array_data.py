"""Images that people keep as arrays are read as they are meant, or refused: nothing is guessed."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from fake_files import idx

from groundup.data.arrays import ArrayData
from groundup.data.specs import make_spec, make_test_spec
from groundup.data.statistics import measured
from groundup.errors import UserError

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (40, 6, 5, 3), np.uint8)
GREY = PIXELS[..., 0]
LABELS = np.arange(40) % 4


def opened(file, **options) -> ArrayData:
    keys = {"_target_": "groundup.data.arrays.ArrayData", "name": "arrays", "file": str(file), **options}
    given = {key: value for key, value in keys.items() if key not in ("_target_", "name")}
    return ArrayData(make_spec(keys), "", **{"val_fraction": 0, **given})


def saved(folder, x=PIXELS, y=LABELS, **others):
    file = folder / "images.npz"
    np.savez(file, **{"x_train": x, "y_train": y, "x_test": x[:8], "y_test": y[:8], **others})
    return file


@pytest.mark.parametrize(
    ("stored", "options", "expected"),
    [
        (GREY, {}, GREY[:, None]),
        (PIXELS, {}, PIXELS.transpose(0, 3, 1, 2)),
        (np.asfortranarray(PIXELS), {}, PIXELS.transpose(0, 3, 1, 2)),
        (np.ascontiguousarray(PIXELS.transpose(0, 3, 1, 2)), {}, PIXELS.transpose(0, 3, 1, 2)),
        (PIXELS[:, :3], {"layout": "NHWC"}, PIXELS[:, :3].transpose(0, 3, 1, 2)),
        (PIXELS[:, :5, :, 0].reshape(40, 25), {}, GREY[:, None, :5]),
        (GREY.transpose(0, 2, 1), {"transpose": True}, GREY[:, None]),
        (GREY.astype(np.int64), {}, GREY[:, None]),
        (GREY.astype(">u2"), {}, GREY[:, None]),
        (GREY.astype(np.float64), {}, GREY[:, None]),
        (GREY.astype(np.float32) / 255, {}, GREY[:, None]),
        (GREY > 100, {}, (GREY > 100)[:, None] * 255),
        (GREY // 16, {"white": 15.0}, (GREY // 16)[:, None] * 17),
    ],
)
def test_images_of_any_layout_and_type_become_the_bytes_that_they_were(tmp_path, stored, options, expected):
    data = opened(saved(tmp_path, stored), **options)
    data.setup("fit")
    assert np.array_equal(data.splits["train"].pixels.numpy(), expected)
    assert np.array_equal(data.splits["test"].pixels.numpy(), expected[:8])
    assert (data.spec.channels, *data.spec.image_size) == expected.shape[1:]


@pytest.mark.parametrize(
    ("labels", "names", "places"),
    [
        (LABELS[:, None], "0123", LABELS),
        (LABELS.astype(np.float32), "0123", LABELS),
        (np.eye(4)[LABELS], "0123", LABELS),
        (LABELS + 1, "1234", LABELS),  # as the letters of EMNIST
        (LABELS * 5 + 5, ("5", "10", "15", "20"), LABELS),
        (np.array(["b", "a", "d", "c"])[LABELS], "abcd", np.array([1, 0, 3, 2])[LABELS]),
        (np.array([b"b", b"a", b"d", b"c"])[LABELS], "abcd", np.array([1, 0, 3, 2])[LABELS]),
        (np.where(LABELS > 1, 1, -1), ("-1", "1"), LABELS // 2),
    ],
)
def test_labels_of_any_type_are_classes_by_name_wherever_they_begin(tmp_path, labels, names, places):
    data = opened(saved(tmp_path, y=labels))
    data.setup("fit")
    assert data.class_names == tuple(names)
    assert data.splits["train"].labels.tolist() == places.tolist()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": LABELS[:-1]}, "40 images, and 39 labels"),
        ({"x_test": PIXELS[:8, :5]}, r"images of uint8 of shape \(8, 5, 5, 3\), those of .* of shape \(40, 6, 5, 3\)"),
        ({"x_test": PIXELS[:8] / 255}, "images of float64 .*, those of .* are of uint8"),
        ({"y_test": LABELS[:8] + 1}, "labels that no training image has: 4; accepted: 0, 1, 2, 3"),
        ({"x": PIXELS[:, :3]}, "which axis has the channels.*data.layout=NHWC"),
        ({"x": PIXELS[..., :2]}, "which axis has the channels.*told by their number where it is 1 or 3"),
        ({"x": PIXELS.reshape(40, 90)}, "90 pixels are no square"),
        ({"x": GREY / 255 * 2 - 1}, "below 0, so they seem to be normalised"),
        ({"x": np.where(GREY == 7, np.nan, GREY / 255)}, r"\d+ values are NaN"),
        ({"x": GREY // 16}, "up to 15: which of them is white.*data.white=VALUE"),
        ({"x": GREY * 1.01}, "which of them is white"),
        ({"x": GREY / 255 / 5}, "which of them is white"),
        ({"x": GREY.astype(np.uint16) * 16}, "which of them is white"),
        ({"x": GREY.astype(object)}, "Python objects, which could hold code"),
        ({"y": np.where(LABELS, LABELS, -1)}, "-1 often stands for images without a label"),
        ({"y": LABELS + 0.5}, "labels that are no whole numbers"),
        ({"y": np.linspace(0, 1, 160).reshape(40, 4)}, "rows are not one-hot"),
        ({"y": np.arange(40)}, "40 different labels of 40 images"),
        ({"y": LABELS * 0}, "all labels are 0; accepted: those of 2 classes"),
        ({"y": np.array(["a", "b", "c", ""])[LABELS]}, "10 images have no label"),
    ],
)
def test_what_is_not_certain_is_refused(tmp_path, arrays, words):
    given = {"x": PIXELS, "y": LABELS, **arrays}
    others = {"x_test": given["x"][:8], "y_test": given["y"][:8]} | {k: v for k, v in given.items() if len(k) > 1}
    with pytest.raises(UserError, match=words):
        opened(saved(tmp_path, given["x"], given["y"], **others)).setup("fit")


@pytest.mark.parametrize("test", [PIXELS[:8] // 128, PIXELS[:8] // 17])
def test_test_images_of_another_scale_are_refused(tmp_path, test):
    file = saved(tmp_path, x_test=test)
    with pytest.raises(UserError, match=r"x_test: values up to \d+, where white of the training images is 255"):
        opened(file).setup("fit")
    data = opened(file, white=255)
    data.setup("fit")
    assert np.array_equal(data.splits["test"].pixels.numpy(), test.transpose(0, 3, 1, 2))


def test_a_white_that_makes_all_images_black_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"values up to 1, which data.white=255 makes nearly black"):
        opened(saved(tmp_path, PIXELS / 255, LABELS), white=255).setup("fit")


def test_classes_of_one_name_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"data.class_names=\[a, a, b, c\]: a names two classes"):
        opened(saved(tmp_path, PIXELS, LABELS), class_names=["a", "a", "b", "c"])


def test_a_damaged_file_is_called_so_and_a_column_is_of_a_csv(tmp_path):
    file = saved(tmp_path, PIXELS, LABELS)
    with pytest.raises(UserError, match=r"data.label_column=y with data.file=.*: a column is of a CSV; accepted: null"):
        opened(file, label_column="y")
    for content, said in ((file.read_bytes()[:5000], "is damaged, or no .npz"), (b"", "is empty")):
        file.write_bytes(content)
        with pytest.raises(UserError, match=said):
            opened(file)


def test_a_file_of_test_images_may_call_them_so(tmp_path):
    np.savez(tmp_path / "train.npz", x=PIXELS, y=LABELS)
    np.savez(tmp_path / "test.npz", x_test=PIXELS[:8], y_test=LABELS[:8])
    data = opened(tmp_path / "train.npz", test_file=str(tmp_path / "test.npz"))
    data.setup("fit")
    assert data.splits["test"].labels.tolist() == LABELS[:8].tolist()
    with pytest.raises(UserError, match=r"it has images to test on alone; accepted: x_train"):
        opened(tmp_path / "test.npz")


def test_arrays_of_other_names_are_named(tmp_path):
    np.savez(tmp_path / "x.npz", PIXELS, LABELS)
    with pytest.raises(UserError, match=r"its arrays are called arr_0, arr_1; accepted: x_train, y_train"):
        opened(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", train_images=PIXELS, train_labels=LABELS, val_images=PIXELS, val_labels=LABELS)
    data = opened(tmp_path / "x.npz", test_fraction=0.0)
    data.setup("fit")
    assert (data.train_size, data.val_size, data.spec.test_size) == (40, 40, 0)


def test_a_header_that_promises_more_than_is_there_takes_no_memory(tmp_path):
    import zipfile

    file = saved(tmp_path)
    with zipfile.ZipFile(file, "w") as archive:
        head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000, 28, 28)}".ljust(117) + b"\n"
        archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
        archive.writestr("y_train.npy", b"")
    with pytest.raises(UserError, match=r"x_train: is damaged: its header does not tell its length"):
        opened(file)


def test_a_test_split_is_cut_from_every_class_and_never_trained_on(tmp_path):
    file = tmp_path / "all.npz"
    np.savez(file, x=PIXELS, y=LABELS)
    data = opened(file, seed=3)
    data.setup("fit")
    assert data.splits["test"].labels.bincount().tolist() == [2, 2, 2, 2]
    train, test = ({image.tobytes() for image in data.splits[split].pixels.numpy()} for split in ("train", "test"))
    assert len(train) == 32
    assert not train & test
    others = opened(file, seed=4, test_seed=1)
    others.setup("fit")
    assert {image.tobytes() for image in others.splits["test"].pixels.numpy()} != test
    with pytest.raises(UserError, match=r"data.test_fraction=0.2 with data.file=.*: it has images to test on"):
        opened(saved(tmp_path), test_fraction=0.2)


HEADER = "label," + ",".join(f"pixel{n}" for n in range(25))
FLAT = GREY[:, :5].reshape(40, 25)


def rows(labels_last: bool = False) -> list[str]:
    return [
        ",".join(map(str, [*row, label] if labels_last else [label, *row]))
        for row, label in zip(FLAT, LABELS, strict=True)
    ]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("lines", "options"),
    [
        ([HEADER, *rows()], {}),
        (["id," + HEADER, *(f"{n}," + row for n, row in enumerate(rows()))], {}),
        (["class," + ",".join(f"{a}x{b}" for a in range(5) for b in range(5)), *rows()], {}),
        (rows(), {"label_column": 0}),
        (rows(labels_last=True), {"label_column": -1}),
    ],
)
def test_a_csv_is_read_row_by_row(tmp_path, lines, options, packed):
    file = tmp_path / ("train.csv.gz" if packed else "train.csv")
    (gzip.open if packed else open)(file, "wb").write("\n".join(lines).encode())
    data = opened(file, test_fraction=0.0, **options)
    data.setup("fit")
    assert np.array_equal(data.splits["train"].pixels.numpy(), GREY[:, None, :5])
    assert data.splits["train"].labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("place", [0, -1])
def test_a_header_of_numbers_is_none_of_the_images_and_labels_may_be_text(tmp_path, place):
    body = []
    for label, row in zip(np.array(["b", "a", "d", "c"])[LABELS], GREY[:, :5].reshape(40, 25), strict=True):
        body.append(",".join(map(str, [label, *row] if place == 0 else [*row, label])))
    for header in ([",".join(map(str, range(26)))], []):
        (tmp_path / "train.csv").write_text("\n".join([*header, *body]))
        data = opened(tmp_path / "train.csv", label_column=place % 26 if header else place, test_fraction=0.0)
        data.setup("fit")
        assert data.class_names == tuple("abcd")
        assert np.array_equal(data.splits["train"].pixels.numpy(), GREY[:, None, :5])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (rows(), "data.label_column=null: it has no header; .* 0 for the first of 26, -1 for the last"),
        ([HEADER.removeprefix("label,"), *(row.partition(",")[2] for row in rows())], "it has pixels and no labels"),
        ([HEADER.replace("pixel7", "pixel9"), *rows()], "pixels are not in order"),
        ([HEADER, *rows(), "1" + ",," * 12 + ",3"], "accepted: a number in every column"),
        ([HEADER, *rows(), "1,2"], "2 cells in line 42; accepted: 26, as in the first"),
        ([HEADER, *rows()[:5], rows()[5] + ",7", *rows()[6:]], "27 cells in line 7; accepted: 26"),
        ([HEADER, *rows()[:7], rows()[7].replace(",", ",x", 1)], r"in line 9, column 2; accepted: a number"),
        ([HEADER + ",Split", *(f"{row},train" for row in rows())], "its column Split is not read; .*data.test_file"),
        ([""], "it is empty"),
        ([HEADER], "no rows"),
    ],
)
def test_a_csv_that_leaves_something_open_is_refused(tmp_path, lines, words):
    (tmp_path / "train.csv").write_text("\n".join(lines))
    with pytest.raises(UserError, match=words):
        opened(tmp_path / "train.csv").setup("fit")


@pytest.mark.parametrize(
    "names",
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        ("mine-train-images.idx", "mine-train-labels.idx", "mine-test-images.idx.gz", "mine-test-labels.idx.gz"),
    ],
)
def test_idx_files_of_the_usual_names_are_read(tmp_path, names):
    for name, values in zip(names, (GREY, LABELS, GREY[:8], LABELS[:8]), strict=True):
        content = idx(values)
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (tmp_path / "other-train-images-idx3-ubyte").write_bytes(idx(GREY)) if "mine" in names[0] else None
    data = opened(tmp_path / names[0])
    data.setup("fit")
    assert np.array_equal(data.splits["train"].pixels.numpy(), GREY[:, None])
    assert data.splits["test"].labels.tolist() == LABELS[:8].tolist()
    if "mine" in names[0]:
        with pytest.raises(UserError, match="several sets: mine-, other-"):
            opened(tmp_path)


def test_images_of_emnist_are_put_upright_by_a_key_and_not_by_a_guess(tmp_path):
    for kind, values in (("images", GREY.transpose(0, 2, 1)), ("labels", LABELS + 1)):
        (tmp_path / f"emnist-letters-train-{kind}-idx{3 if kind == 'images' else 1}-ubyte").write_bytes(idx(values))
    with pytest.raises(UserError, match=r"rows and columns of each image exchanged; accepted: data.transpose=true"):
        opened(tmp_path / "emnist-letters-train-images-idx3-ubyte")
    data = opened(tmp_path / "emnist-letters-train-images-idx3-ubyte", transpose=True, test_fraction=0.0)
    data.setup("fit")
    assert np.array_equal(data.splits["train"].pixels.numpy(), GREY[:, None])
    assert data.class_names == ("1", "2", "3", "4")


def test_mean_and_deviation_are_those_of_the_images_that_are_trained_on(tmp_path):
    """NumPy's of the images that are left when validation is cut; the negative control is those of all of them."""
    data = opened(saved(tmp_path), val_fraction=0.5)
    spec = measured(data)
    train = data.splits["train"].pixels.numpy() / 255
    assert spec.mean == pytest.approx(train.mean((0, 2, 3)), rel=1e-12)
    assert spec.std == pytest.approx(train.std((0, 2, 3)), rel=1e-9)
    assert spec.mean != pytest.approx(PIXELS.mean((0, 1, 2)) / 255, rel=1e-4)
    assert measured(opened(saved(tmp_path), val_fraction=0.5, mean=[0.1, 0.2, 0.3])).mean == (0.1, 0.2, 0.3)


def test_a_run_does_not_go_on_with_arrays_that_have_changed(tmp_path):
    before = opened(saved(tmp_path)).state_dict()
    opened(saved(tmp_path)).load_state_dict(before)
    changed = LABELS.copy()
    changed[7] = 0
    file = saved(tmp_path, y=changed)
    with pytest.raises(UserError, match=r"data.file=.*images.npz with resume: it holds something else"):
        opened(file).load_state_dict(before)


def test_batches_are_normalised_and_images_resized(tmp_path):
    data = opened(saved(tmp_path), image_size=12)
    data.spec = measured(data)
    [(x, y)] = list(data.test_dataloader())
    assert x.shape == (8, 3, 12, 12)
    assert y.tolist() == LABELS[:8].tolist()
    [(x, _)] = list(data.train_dataloader())
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)


def test_a_part_of_another_file_is_no_test_nor_are_images_that_were_trained_on(tmp_path):
    np.savez(tmp_path / "a.npz", x=PIXELS, y=LABELS)
    np.savez(tmp_path / "b.npz", x=PIXELS[::-1], y=LABELS[::-1])
    before = opened(tmp_path / "a.npz").state_dict()
    opened(tmp_path / "a.npz").refuse_another_cut(before)
    opened(tmp_path / "b.npz", test_fraction=1.0).refuse_another_cut(before)
    opened(saved(tmp_path)).refuse_another_cut(before)  # test images of their own
    with pytest.raises(UserError, match=r"another file than that of the run.*accepted: data.test_fraction=1"):
        opened(tmp_path / "b.npz").refuse_another_cut(before)
    with pytest.raises(UserError, match=r"with data.test_fraction=1.0: the run was trained on it"):
        opened(tmp_path / "a.npz", test_fraction=1.0).refuse_another_cut(before)


def test_names_of_classes_are_those_of_the_labels_that_the_run_had(tmp_path):
    named = {"class_names": ["zero", "one", "two", "three"]}
    before = opened(saved(tmp_path), **named).state_dict()
    for labels, is_other in ((LABELS, False), (LABELS + 3, True)):
        data = opened(saved(tmp_path, y=labels), **named)
        if not is_other:
            data.refuse_other_labels(before)
            continue
        with pytest.raises(UserError, match=r"labels 3, 4, 5, 6, those of the run are 0, 1, 2, 3"):
            data.refuse_other_labels(before)


def test_images_of_another_size_than_those_of_the_network_are_refused(tmp_path):
    trained = make_spec({"_target_": "groundup.data.arrays.ArrayData", "name": "arrays", "file": str(saved(tmp_path))})
    np.savez(tmp_path / "grey.npz", x=GREY, y=LABELS)
    data = {"_target_": "groundup.data.arrays.ArrayData", "name": "arrays", "file": str(tmp_path / "grey.npz")}
    with pytest.raises(UserError, match=r"data=arrays: its images are of 1x6x5, those of the network of 3x6x5"):
        make_test_spec(data, trained)


def warnings_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_equal_images_in_two_splits_or_of_two_classes_are_said(tmp_path, caplog):
    opened(saved(tmp_path, x_test=PIXELS[:8] ^ 1)).setup("fit")
    assert not warnings_in(caplog)  # the control
    opened(saved(tmp_path)).setup("fit")
    assert warnings_in(caplog) == [
        "data=arrays: 8 of 8 test images are training images, too: what is measured of them is not of new images"
    ]
    caplog.clear()
    x = PIXELS.copy()
    x[1] = x[0]
    opened(saved(tmp_path, x, x_test=PIXELS[:8] ^ 1)).setup("fit")
    assert warnings_in(caplog) == [
        "data=arrays: 1 training images are equal to one of another class; no network learns both"
    ]


def test_test_images_of_a_file_that_has_changed_are_said(tmp_path, caplog):
    before = opened(saved(tmp_path)).state_dict()
    opened(saved(tmp_path)).warn_of_other_contents(before)
    assert not warnings_in(caplog)
    opened(saved(tmp_path, x_test=PIXELS[8:16])).warn_of_other_contents(before)
    assert "or in one that has changed since" in warnings_in(caplog)[0]
