"""README.md and docs/: every command is one that is accepted, every link leads somewhere, no page is out of reach."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from composed import composer
from hydra import compose as compose_with_hydra
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from pages import (
    DOCS,
    PAGES,
    PROJECT,
    SITE,
    Command,
    anchors,
    blocks,
    commands,
    files,
    links,
    name_of,
    paths,
    pictures,
    python,
    target,
    typed,
)
from PIL import Image

from groundup import UserError
from groundup import compose as compose_with_folder
from groundup.cli.measure import parse as parse_measure
from groundup.cli.new import parse as parse_new
from groundup.config.check import check, check_evaluate, check_export, check_predict
from groundup.report.command import parse as parse_report
from groundup.run.export import export
from groundup.run.resume import resume_checkpoint
from groundup.sweep.expand import expand, is_own
from groundup.sweep.job_file import read_rows
from groundup.sweep.search_space import parse_space

CHECKS = {"train": check, "evaluate": check_evaluate, "predict": check_predict, "export": check_export}
ALONE = {
    "--help",
    "-h",
    "--hydra-help",
    "--version",
    "-sc",
    "--shell-completion",
    "--info",
    "-i",
}  # asks, trains nothing
OF_READERS = {name.partition("/")[0] for page in PAGES for name in files(page)}
FLAGS = ("-m", "--multirun", "--resolve")
# A command that several pages show is tried once, but for those of pages with files of their own.
FOUND = {
    (command.name, *command.words, page if files(page) else None): (page, command)
    for page in PAGES
    for command in commands(page)
}
COMMANDS = [
    pytest.param(page, command, id=" ".join([f"{name_of(page)}:", command.name, *command.words]))
    for page, command in FOUND.values()
]
RUNS = [page for page in PAGES if any(language == "python" for language, _ in blocks(page))]
TAKES_SECONDS = re.compile(r"\b(?:train|evaluate|predict|Trainer)\(|^(?:import|from) (?:torch|lightning)", re.MULTILINE)
DEVIATION = re.compile(r"\d+\.\d+ ± \d+\.\d+")


@pytest.fixture
def reader(tmp_path, monkeypatch, compose_config):
    """What the capitals and the folders of the pages stand for, in the current directory."""
    monkeypatch.chdir(tmp_path)
    for split, name in (("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")):
        (tmp_path / "photos" / split / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / split / name / "1.png")
    (tmp_path / "train.csv").write_text("file,label\ntrain/cat/1,cat\ntrain/dog/1.png,dog\n")
    write_arrays(tmp_path)
    (tmp_path / "DIR" / "checkpoints").mkdir(parents=True)
    (tmp_path / "DIR" / "config.yaml").write_text(yaml.safe_dump(check(compose_config())))
    for name in ("best", "last"):
        (tmp_path / "DIR" / "checkpoints" / f"{name}.ckpt").touch()
    shutil.copytree("photos/test/cat", tmp_path / "PATH")
    monkeypatch.syspath_prepend(str(tmp_path))
    forget_packages()
    yield tmp_path
    forget_packages()  # the next page has another one of that name


def write_arrays(folder: Path) -> None:
    """The files of images as numbers that the pages speak of."""
    images, labels = np.full((8, 28, 28), 200, np.uint8), np.arange(8, dtype=np.uint8) % 2
    np.savez(folder / "mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    for name, values in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        (folder / name).write_bytes(header + values.tobytes())
    (folder / "digits").mkdir()
    rows = ["label," + ",".join(f"pixel{n}" for n in range(784)), *(f"{n % 2}" + ",200" * 784 for n in range(8))]
    (folder / "digits" / "train.csv").write_text("\n".join(rows))


def forget_packages() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in OF_READERS]:
        del sys.modules[name]


def write_files(page: Path, folder: Path) -> None:
    for name, text in files(page).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def without_flags(words: list[str]) -> tuple[list[str], str | None]:
    """The settings of a command, and the folder of its `--config-dir`."""
    words, folder = list(words), None
    for flag in ("--cfg", "-c", "--config-dir", "-cd", "--package", "-p"):
        if flag in words:
            at = words.index(flag)
            folder = words[at + 1] if flag in ("--config-dir", "-cd") else folder
            del words[at : at + 2]
    if any(word.startswith("hydra.searchpath=") for word in words):
        folder = "myconf"
    return [word for word in words if word not in FLAGS and not word.startswith("hydra.searchpath=")], folder


def jobs(words: list[str], is_sweep: bool) -> list[list[str]]:
    """The overrides of one run, or of every job of a sweep, without what is about the sweep itself."""
    if not is_sweep:
        return [words]
    searches = "hydra/sweeper=optuna" in words
    rows = [row.words for row in read_rows(words, 1000)]
    words = [
        word
        for word in words
        if not is_own(word.lstrip("+").partition("=")[0]) and not word.lstrip("+").startswith("hydra")
    ]
    if searches:
        space = parse_space(words, None) if words else None
        return [space.words(values) for values in space.corners()] if space else [[]]
    return expand(words, composer("train").loader, 10000, rows)


def every_word_once(jobs: list[list[str]]) -> list[list[str]]:
    """As many of the jobs as it takes to have each of their words: of 5 rates and 5 seeds 9, where there are 25."""
    seen: set[str] = set()
    kept = []
    for job in jobs:
        if not job or set(job) - seen:
            kept.append(job)
            seen |= set(job)
    return kept


# Commands


def test_commands_of_every_kind_were_found():
    found = [command for page in PAGES for command in commands(page)]
    assert len(found) > 60
    assert {command.name for command in found} >= {"train", "evaluate", "predict", "export", "report", "measure", "new"}


def accept(command: Command, compose_config) -> None:
    """Composes and checks it as its script would, with what is about launchers and searches."""
    name, words = command
    words = ["ckpt=DIR/checkpoints/last.ckpt" if word == "ckpt=PATH" else word for word in words]
    if ALONE & set(words):
        return
    if name == "report":
        assert parse_report(words).paths
        return
    if name == "measure":
        assert parse_measure(words).paths
        return
    if name == "new":
        parse_new(words)
        return
    settings, folder = without_flags(words)
    is_sweep = bool({"-m", "--multirun"} & set(words))
    found = jobs(settings, is_sweep)
    if is_sweep:
        values_elsewhere = any(word.startswith(("sweep.resume=", "hydra/sweeper=")) for word in settings)
        assert len(found) > 1 or values_elsewhere or folder  # a file may name the values
    for overrides in every_word_once(found):
        if folder:
            compose_with_folder(*overrides, config_dir=folder)
            continue
        config = CHECKS[name](compose_config(*overrides, name=name))
        if config.get("resume"):
            resume_checkpoint(config, Path("DIR"))
    of_hydra = [word for word in settings if word.lstrip("+").startswith("hydra")]
    if of_hydra and "hydra/launcher=ray" not in of_hydra:  # Ray wants an environment of its own
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            compose_with_hydra("train", of_hydra, return_hydra_config=True)


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_to_be_typed_is_what_a_shell_takes(page):
    """Such as a bracket that wants quotes."""
    script = "\n".join(typed(page))
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_is_accepted(page, command, reader, compose_config):
    write_files(page, reader)
    accept(command, compose_config)


WRONG = """# A page

Type `python train.py modle=mlp` or `groundup train model=mlp model.hiden_dims=[64]`.
See [below](#belov) or [there](no.md).

```sh
python train.py -m model=mlp optimizer.lr=abc,0.1
OMP_NUM_THREADS=1 python evaluate.py run=DIR draw=5 && python report.py DIR compare=1
python train.py -m seed=0,1 hydra/launcher=joblib hydra.launcher.n_job=2 # two at a time
```

| command | |
| --- | --- |
| `groundup new my-project other third` | python predict.py |

## Below

`python train.py experiment=NAME`, `python train.py KEY=VALUE` and `python report.py DIR…` are forms.
"""


def test_what_is_wrong_on_a_page_is_seen(tmp_path, reader, compose_config):
    """The control."""
    page = tmp_path / "page.md"
    page.write_text(WRONG)
    found = commands(page)
    assert [command.name for command in found] == ["train", "evaluate", "report", "train", "train", "train", "new"]
    for command in found:
        with pytest.raises((UserError, HydraException, OmegaConfBaseException)):
            accept(command, compose_config)
    assert dead_links(page) == ["#belov", "no.md"]


# Python


def takes_seconds(page: Path) -> bool:
    return bool(TAKES_SECONDS.search("".join(python(page))))


@pytest.mark.parametrize("page", RUNS, ids=name_of)
def test_python_of_a_page_is_python(page):
    for text in [*python(page), *(text for name, text in files(page).items() if name.endswith(".py"))]:
        compile(text, name_of(page), "exec")


def run_python(page: Path, folder: Path) -> None:
    write_files(page, folder)
    namespace = {"__name__": "page"}
    for text in python(page):
        exec(compile(text, name_of(page), "exec"), namespace)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name_of(page), marks=[pytest.mark.slow] if takes_seconds(page) else [])
        for page in RUNS
        if python(page)
    ],
)
def test_python_of_a_page_runs_from_top_to_bottom(page, reader, whole_run, make_config):
    shutil.rmtree("DIR")
    shutil.copytree(whole_run(make_config()), "DIR")
    if "DIR/model.onnx" in "".join(python(page)):
        pytest.importorskip("onnxruntime", reason='pip install "groundup[export]"')
        export(Path("DIR"), Path("DIR/model.onnx"))
    run_python(page, reader)


# Links and pictures


def dead_links(page: Path) -> list[str]:
    """Those to files or headings that are not there."""
    found = [(link, target(page, link)) for link in links(page)]
    return [
        link
        for link, at in found
        if at is not None and not (at[0].is_file() and (not at[1] or at[1] in anchors(at[0])))
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


@pytest.mark.parametrize("page", SITE, ids=name_of)
def test_links_stay_within_the_site_and_git(page):
    inside = [(link, found[0]) for link in links(page) if (found := target(page, link))]
    assert not [link for link, file in inside if DOCS not in file.parents], "Sphinx has only what is in docs/"
    assert not [link for link, file in inside if file.suffix == ".ipynb"], "copies that git does not have"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_are_there(page):
    assert not [path for path in paths(page) if not (PROJECT / path).exists()]


def test_no_page_is_out_of_reach():
    """By links alone, as on GitHub, which knows no toctree."""
    seen, todo = set(), [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        todo += [found[0] for link in links(page) if (found := target(page, link)) and DOCS in found[0].parents]
    assert {name_of(page) for page in PAGES} - {name_of(page) for page in seen} == {"README.md"}


def test_the_readme_leads_into_the_docs():
    found = {target(PAGES[0], link) for link in links(PAGES[0])}
    assert (DOCS / "index.md", "") in found


def test_every_picture_is_shown_and_made_by_a_script():
    shown = {picture for page in PAGES for picture in pictures(page)}
    scripts = "".join(script.read_text() for script in DOCS.glob("make_*.py"))
    for picture in sorted((DOCS / "images").iterdir()):
        assert picture in shown, f"{picture.name} is on no page"
        named = (picture.name, f'"{picture.stem}"')  # a script may name what it shows, and the file by that
        assert any(name in scripts for name in named), f"{picture.name} is made by no script"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_plain_markdown(page):
    """No directives but those that GitHub hides or shows as text."""
    for language, _ in blocks(page):
        assert not language.startswith("{") or language in ("{toctree}", "{eval-rst}"), language
    assert sum(line.startswith("# ") for line in without_blocks(page)) == 1, "one title"


def without_blocks(page: Path) -> list[str]:
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()


def test_deviations_are_those_of_the_results():
    """98.48 ± 0.07 stands once, in a file of docs/results, and is copied elsewhere."""
    results = "".join(page.read_text() for page in (DOCS / "results").glob("*.md")).replace("\u00a0", " ")
    others = [page for page in PAGES if page.parent.name != "results" and page.stem != "decisions"]  # those are history
    figures = {page: DEVIATION.findall("\n".join(without_blocks(page))) for page in others}
    assert len(figures[PROJECT / "README.md"]) > 3
    assert not [(name_of(page), each) for page, found in figures.items() for each in found if each not in results]
