"""`groundup new`: what is refused, and that the project works as it is written."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from groundup.cli.new import TEMPLATES, parse, write
from groundup.errors import UserError
from groundup.paths import CONF

TARGETS = r"_target_: (\S+)"


@pytest.fixture
def project(tmp_path) -> Path:
    folder, name = parse([str(tmp_path / "my-shapes")])
    assert name == "my_shapes"
    write(folder, name)
    return folder


def test_every_file_is_whole(project):
    files = [file for file in project.rglob("*") if file.is_file()]
    assert len(files) == len([file for file in TEMPLATES.rglob("*") if file.is_file()])
    for file in files:
        text = file.read_text()
        assert "$" not in text, file
        if file.suffix == ".py":
            ast.parse(text)
        elif file.suffix in (".yaml", ".yml"):
            assert yaml.safe_load(text)
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == "my_shapes"


def test_every_part_that_a_config_names_is_there(project):
    targets = [
        target for file in (project / "conf").rglob("*.yaml") for target in re.findall(TARGETS, file.read_text())
    ]
    assert len(targets) == 3
    for target in targets:
        module, _, name = target.rpartition(".")
        tree = ast.parse((project / f"{module.replace('.', '/')}.py").read_text())
        assert name in [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def test_its_primary_config_has_every_group_of_ours_in_our_order(project):
    def order(file):
        listed = (next(iter(entry)) if isinstance(entry, dict) else entry for entry in yaml.safe_load(file)["defaults"])
        return [name for name in listed if name != "_self_"]

    own, ours = (project / "conf" / "main.yaml").read_text(), (CONF / "train.yaml").read_text()
    assert order(own) == order(ours)


def test_nothing_of_ours_is_copied(project):
    """Its files are short, and of ours it only imports."""
    assert max(len(file.read_text().splitlines()) for file in project.rglob("*.py")) < 80
    text = (project / "train.py").read_text()
    assert "from groundup import door" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "accepted: groundup new DIR [NAME]"),
        (["a", "b", "c"], "accepted: groundup new DIR [NAME]"),
        (["--foo"], "--foo: unknown option"),
        (["x", "3d"], "3d: no name of a package"),
        (["3d"], "3d: no name of a package"),
        (["x", "a.b"], "a.b: no name of a package"),
        (["x", "a-b"], "a-b: no name of a package"),
        (["x", "_a"], "_a: no name of a package"),
        (["x", "größe"], "größe: no name of a package"),
        (["x", ""], ": no name of a package"),
        (["x", "class"], "class: a word of Python's own"),
        (["x", "match"], "match: a word of Python's own"),
        (["x", "groundup"], "groundup: the project has something else of that name"),
        (["x", "Train"], "Train: the project has something else of that name"),
        (["x", "tests"], "tests: the project has something else of that name"),
        (["x", "json"], "json: there is a module of that name"),
        (["x", "numpy"], "numpy: there is a module of that name"),
        (["torch"], "torch: there is a module of that name"),
    ],
)
def test_a_bad_request_writes_nothing(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=re.escape(said)):
        parse(words)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="full: holds files already; accepted: an empty folder"):
        parse([str(tmp_path / "full"), "mine"])
    with pytest.raises(UserError, match="file: is a file; accepted"):
        parse([str(tmp_path / "file"), "mine"])
    (tmp_path / "empty").mkdir()
    assert parse([str(tmp_path / "empty")]) == (tmp_path / "empty", "empty")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file/below: (cannot be written: )?Not a directory"):
        write(tmp_path / "file" / "below", "mine")


def run(folder: Path, *words: str, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_its_commands_work_at_once(project):
    cpu = "trainer.accelerator=cpu"
    said = run(project, "train.py", cpu)
    assert "test/acc" in said
    [run_dir] = (project / "outputs" / "runs" / "small-shapes").iterdir()
    assert "weight_norm" in (run_dir / "config.yaml").read_text()
    assert "test/acc" in run(project, "evaluate.py", f"run={run_dir}", "accelerator=cpu")
    image = project / "image.png"
    run(project, "-c", f"from PIL import Image; Image.new('L', (12, 12), 40).save({str(image)!r})")
    assert re.search("disc|square|cross", run(project, "predict.py", f"run={run_dir}", f"images={image}"))
    swept = run(project, "train.py", "-m", "model=small,mlp", "trainer.max_epochs=1", cpu)
    assert re.search(r"model=small .*test/acc.*\n.*model=mlp .*test/acc", swept)
    [sweep] = (project / "outputs" / "sweeps").iterdir()
    assert "report:" in run(project, "report.py", str(sweep))
    assert "3 passed" in run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.slow
def test_every_idiom_of_hydra_works_in_it(project, tmp_path):
    job = ("train.py", "--cfg", "job")
    assert "width: 8" in run(project, *job, "model.width=8")
    assert "name: resnet18" in run(project, *job, "model=resnet18")
    assert "width: 32" in run(project, *job, "experiment=wide")
    assert "max_epochs: 5" in run(project, *job)
    assert "max_epochs: 1\n" in run(project, *job, "debug=fast")
    recipe = run(project, *job, "experiment=cifar10_cnn")  # has the last word, over conf/main.yaml
    assert all(said in recipe for said in ("name: cifar10\n", "name: cnn\n", "max_epochs: 80\n"))
    assert "limit_train_batches: 2" in run(project, *job, "+trainer.limit_train_batches=2")
    assert "weight_norm" not in run(project, *job, "~callbacks.weight_norm")
    assert "max_epochs: 3" in run(project, *job, "++trainer.max_epochs=3")
    further = tmp_path / "further" / "model"
    further.mkdir(parents=True)
    (further / "big.yaml").write_text("_target_: my_shapes.networks.SmallNet\nname: big\nwidth: 64\n")
    assert "name: big" in run(project, *job, "model=big", f"--config-dir={further.parent}")
    assert "name: big" in run(project, *job, "model=big", f"hydra.searchpath=[file://{further.parent}]")
    (project / "conf" / "model" / "mlp.yaml").write_text("_target_: my_shapes.networks.SmallNet\nname: mine\n")
    assert "name: mine" in run(project, *job, "model=mlp")
    assert "seed: 0" in run(project, *job, "--config-name=train")
    said = run(project, "train.py", "model=smal", code=2)
    assert "did you mean model=small? Accepted: small, " in said
    assert "small" in run(project, "train.py", "--help")
    said = run(project, "train.py", "model.width=abc", code=2)
    assert "model.width=abc: must be a whole number" in said
