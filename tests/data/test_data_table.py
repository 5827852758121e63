from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.errors import UserError


def written(root: Path, table: str, files: int = 10, end: str = ".jpg") -> dict[str, object]:
    (root / "images").mkdir()
    for number in range(files):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(root / "images" / f"{number}{end}")
    (root / "table.csv").write_text(table, encoding="utf-8")
    return {"name": "image_folder", "root": str(root / "images"), "image_size": 4, "table": str(root / "table.csv")}


def names(spec, split: str) -> dict[str, list[str]]:
    return {label: [Path(path).name for path in paths] for label, paths in spec.folder.split(split).images.items()}


def test_files_of_a_table_are_of_the_classes_that_it_says_endings_or_not(tmp_path):
    rows = "".join(f"{number},{('dog', 'cat')[number % 2]}\n" for number in range(10))
    spec = make_spec(written(tmp_path, "\ufeffid,breed\n" + rows) | {"test_fraction": 0.0})
    assert spec.class_names == ("cat", "dog")
    assert names(spec, "train") == {
        "cat": [f"{n}.jpg" for n in range(1, 10, 2)],
        "dog": [f"{n}.jpg" for n in range(0, 10, 2)],
    }
    cut = make_spec(written_again(tmp_path))
    assert (cut.train_size, cut.test_size) == (8, 2)
    data = ImageData(cut, cut.folder.root, val_fraction=0)
    data.setup("fit")
    assert data.splits["train"].labels.bincount().tolist() == [4, 4]


def written_again(root: Path) -> dict[str, object]:
    return {"name": "image_folder", "root": str(root / "images"), "image_size": 4, "table": str(root / "table.csv")}


def test_a_column_of_splits_is_obeyed_and_numbers_are_sorted_as_numbers(tmp_path):
    labels, splits = ("10", "9", "10", "9", "10"), ("train", "Train", "TEST", "valid", "validation")
    rows = "".join(f"{n}.jpg;{label};{split}\n" for n, (label, split) in enumerate(zip(labels, splits, strict=True)))
    spec = make_spec(written(tmp_path, "filename;label;split\n" + rows))
    assert spec.class_names == ("9", "10")
    found = [names(spec, split) for split in ("train", "val", "test")]
    assert found == [{"9": ["1.jpg"], "10": ["0.jpg"]}, {"9": ["3.jpg"], "10": ["4.jpg"]}, {"9": [], "10": ["2.jpg"]}]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,kind\n0,a\n1,b\n", "data.label_column=null with data.table=.*accepted: one of file, kind"),
        ("file,image,label\n0,0,a\n1,1,b\n", "data.file_column=null with .*accepted: one of file, image, label"),
        ("file,label\n0,a\n77,b\n", "1 of its files are not below .*images: 77; accepted: .*data.on_error=skip"),
        ("file,label\n0,a\n0,b\n", "line 3: 0 is there twice, with other labels"),
        ("file,label\n0,a\n1,\n", "line 3: no label"),
        ("file,label\n0,a\n1,NaN\n", "line 3: label NaN, as programs write one that is missing"),
        ("file,label,split\n0,a,train\n1,b,\n", "line 3: split left empty; accepted: train, "),
        ("", "accepted: a CSV with a header, each name once, and a row for each image"),
        ("file,label\n../table.csv,a\n1,b\n", "line 2: ../table.csv lies outside data.root="),
        ("file,label,split\n0,a,train\n1,b,holdout\n", "line 3: split holdout; accepted: train, training, val"),
        ("file,label\n0,a\n1,a\n", "it has 1 classes to train on; at least 2 are needed"),
        ("file,label,split\n0,a,train\n1,b,train\n2,c,test\n", "test has a class that train lacks: c"),
        ("file,label\n", "accepted: a CSV with a header"),
    ],
)
def test_a_table_that_does_not_say_what_is_what_is_refused(table, words, tmp_path):
    with pytest.raises(UserError, match=words):
        make_spec(written(tmp_path, table))


def test_files_that_are_not_there_are_passed_over_where_they_shall_be(tmp_path, caplog):
    data = written(tmp_path, "file,label\n0,a\n1,b\n77,b\n2,a\n3,b\n") | {"on_error": "skip", "test_fraction": 0.0}
    spec = make_spec(data)
    assert spec.train_size == 4
    assert caplog.messages == [f"data.on_error=skip: 1 files of {data['table']} are not there: 77"]


def test_files_in_a_folder_within_are_said_to_be_there(tmp_path):
    data = written(tmp_path, "file,label\n0,a\n1,b\n")
    with pytest.raises(UserError, match=r"not below data.root=.*: data.root=.*/images, where the first of them"):
        make_spec(data | {"root": str(tmp_path)})


def test_a_table_of_another_encoding_is_told_what_is_accepted(tmp_path):
    data = written(tmp_path, "")
    (tmp_path / "table.csv").write_bytes("file,label\n0,Käse\n1,b\n".encode("utf-16"))
    with pytest.raises(UserError, match="is not UTF-8; accepted: a CSV that is saved as UTF-8"):
        make_spec(data)


def test_a_column_of_no_table_is_refused(tmp_path):
    data = written(tmp_path, "file,label\n0,a\n1,b\n")
    with pytest.raises(UserError, match=r"data.label_column=label with data.table=null"):
        make_spec(data | {"table": None, "label_column": "label"})
