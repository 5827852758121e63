"""Private names of libraries stand in `groundup.borrowed` alone."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType

import pytest
from lightning.pytorch import Callback, LightningModule

import groundup

SRC = Path(__file__).parents[2] / "src"
BORROWED = SRC / "groundup" / "borrowed"
FILES = [file for file in sorted(SRC.rglob("*.py")) if BORROWED not in file.parents]
DOCUMENTED = {"os._exit", "sys._getframe"}  # Python's own library says what they do
OVERRIDDEN = {  # see `groundup.borrowed.torch`; `_open` is documented in a comment of Python's logging
    "groundup.learning.numpy_net.NumPyLayer._apply",
    "groundup.learning.numpy_net.NumPyLayer._get_name",
    "groundup.models.speednet.BiasNorm._apply",
    "groundup.rundir.links.LogFile._open",
}


def is_private(name: str) -> bool:
    return re.match(r"_[A-Za-z]", name) is not None


def is_private_word(word: ast.expr) -> bool:
    return isinstance(word, ast.Constant) and isinstance(word.value, str) and is_private(word.value)


def is_of_itself(value: ast.expr) -> bool:
    """`self`, `cls`, `super()`"""
    name = value.func if isinstance(value, ast.Call) else value
    return isinstance(name, ast.Name) and name.id in ("self", "cls", "super")


def defined(tree: ast.AST) -> Iterator[str]:
    """The private names that a file gives to functions, to fields of classes, and to attributes of `self`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            fields = [line for line in node.body if isinstance(line, ast.Assign | ast.AnnAssign)]
            names = (name for field in fields for name in ast.walk(field) if isinstance(name, ast.Name))
            yield from (name.id for name in names if isinstance(name.ctx, ast.Store))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_of_itself(node.value):
            yield node.attr


def foreign(source: str, ours: Iterable[str]) -> list[str]:
    """The private names in a file that are not ours: imported, looked up on an object, or asked for as a string."""
    tree, found = ast.parse(source), list[str]()
    ours = {*ours, *defined(tree)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            if is_private(node.attr) and not (is_of_itself(node.value) and node.attr in ours):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
            found += [
                ast.unparse(word) for word in node.args if isinstance(word, ast.Constant) and is_private_word(word)
            ]
        found += [name for name in names if any(map(is_private, name.split(".")))]
    return [name for name in found if name not in DOCUMENTED]


@pytest.fixture(scope="module")
def ours() -> set[str]:
    """The private names that some file of ours defines, and that modules and callbacks of libraries have not."""
    names = {name for file in FILES for name in defined(ast.parse(file.read_text())) if is_private(name)}
    theirs = {*dir(LightningModule()), *dir(Callback())}
    return names - theirs | {name.rpartition(".")[2] for name in OVERRIDDEN}


def test_private_names_of_libraries_are_borrowed_in_one_place(ours):
    found = {str(file.relative_to(SRC)): foreign(file.read_text(), ours) for file in FILES}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from hydra._internal.utils import get_args_parser",
        "from lightning.pytorch.loops.fit_loop import _FitLoop",
        "import torch._dynamo",
        "override._value",
        "self.trainer.fit_loop._data_fetcher",
        "self._parameters",
        "getattr(optimizer, '_step_supports_amp_scaling', False)",
    ],
)
def test_a_private_name_is_seen(line, ours):
    assert foreign(line, ours)


def test_what_is_ours_or_public_is_let_through():
    source = """
    from __future__ import annotations
    import os
    class Net:
        _width: int
        def __init__(self):
            self._depth = 1
        def _area(self):
            return self._width * self._depth
        def volume(self):
            return super()._area() * self.height or os._exit(0)
    """
    assert foreign(textwrap.dedent(source), []) == []


# What a class of ours would override by accident, or does on purpose


def parts(cls: type) -> set[str]:
    """Private methods of a class, and private attributes that its own code gives to `self`."""
    methods = {name for name, value in vars(cls).items() if isinstance(value, FunctionType | property | classmethod)}
    try:
        methods |= set(defined(ast.parse(textwrap.dedent(inspect.getsource(cls)))))
    except (OSError, TypeError):  # written in C
        methods |= set(vars(cls))
    return {name for name in methods if is_private(name)}


def overridden(cls: type) -> set[str]:
    """The private parts of a class that a library's class above it has too; those of `enum` are documented."""
    not_theirs = ("groundup", "builtins", "enum")
    above = [base for base in cls.__mro__[1:] if base.__module__.partition(".")[0] not in not_theirs]
    return {f"{cls.__module__}.{cls.__name__}.{name}" for base in above for name in parts(cls) & parts(base)}


def test_no_class_overrides_what_is_private_to_a_library():
    found: set[str] = set()
    for module in pkgutil.walk_packages(groundup.__path__, "groundup."):
        if not module.name.startswith("groundup.borrowed."):
            members = vars(importlib.import_module(module.name)).values()
            classes = [cls for cls in members if isinstance(cls, type) and cls.__module__ == module.name]
            found |= set().union(*map(overridden, classes))
    assert found == OVERRIDDEN


def test_an_override_is_seen():
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self._buffers = {}

        def _named_members(self):
            """A method that PyTorch has too."""

    assert {name.rpartition(".")[2] for name in overridden(Net)} == {"_buffers", "_named_members"}
