"""A short run is ended before every single operation on a file, and the disk fills before every one: it goes on.

Each time it goes on to the same bits: weights, optimizer, figures and rows. Nothing but seconds may differ.
"""

from __future__ import annotations

import builtins
import csv
import errno
import gc
import io
import json
import multiprocessing
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

OVERRIDES = (
    "model=mlp", "model.hidden_dims=[32]", "model.dropout=0.2", "optimizer.momentum=0.9", "optimizer.lr=0.7",
    "data.limit_train=300", "data.limit_test=100", "data.batch_size=64", "+trainer.val_check_interval=3",
    "trainer.max_epochs=3", "trainer.accelerator=cpu", "logger=none", "callbacks.progress=null",
)  # fmt: skip
DIED = 77  # exit code
WORKERS = min(4, os.cpu_count() or 1)
TIMES = {"seconds", "train_seconds", "samples_per_second"}  # what may differ

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["groundup.config.check", "groundup.run.run", "frozen"])


class Operations:
    """Counts what is done to files to be written, and ends the process, or has no room left, from the n-th on.

    What is written last before that is half there.
    """

    def __init__(self, ends_at: int = sys.maxsize, full: bool = False):
        self.count, self.ends_at, self.full = 0, ends_at, full

    def happens(self, half_write: Callable[[], object] | None = None) -> None:
        self.count += 1
        if self.count < self.ends_at:
            return
        if half_write and self.count == self.ends_at:
            half_write()
        if not self.full:
            os._exit(DIED)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def install(self) -> None:
        for module, name in ((os, "mkdir"), (os, "replace"), (os, "rename"), (os, "fsync"), (os, "unlink")):
            setattr(module, name, self._counting(getattr(module, name), frees=name == "unlink"))
        os.open = self._counting_open(os.open)  # type: ignore[assignment]
        builtins.open = io.open = self._opening(builtins.open)  # type: ignore[assignment]

    def _counting(self, function: Callable[..., Any], frees: bool) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            if not (frees and self.full):  # a full disk lets files be removed
                self.happens()
            return function(*args, **options)

        return counted

    def _counting_open(self, function: Callable[..., int]) -> Callable[..., int]:
        def counted(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.happens()
            return function(path, flags, *args, **options)

        return counted

    def _opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+"):
                return function(file, mode, buffering, *args, **options)
            self.happens()
            binary = io.BufferedWriter(Watched(file, mode, self))
            return binary if "b" in mode else io.TextIOWrapper(binary, *args, **options)

        return opened


class Watched(io.FileIO):
    """A file whose writes are counted: those of the system, to which some thousand bytes are handed at once."""

    def __init__(self, file: Any, mode: str, operations: Operations):
        super().__init__(file, mode.replace("b", "").replace("t", ""))
        self._operations = operations

    def write(self, content: Any) -> int:
        write = super().write
        self._operations.happens(lambda: write(content[: len(content) // 2]))
        return write(content)


# In a process that has imported torch and has one thread: every trial is a fork of it, which costs some milliseconds


def in_fork(action: Callable[[], object]) -> int:
    """The exit code of a fork that does something: 0, `DIED`, or 1 after a traceback."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trials(config: dict[str, Any], folder: Path, full: bool, worker: int) -> None:
    """Tries every `WORKERS`-th operation, and leaves what came of each in a file."""
    from groundup.run.run import run

    run(config, folder / f"whole{worker}")  # here: what is imported late is then there in every fork
    gc.freeze()
    whole = folder / f"whole{worker}"
    results: dict[int, list[str]] = {}
    for number in range(1 + worker, count_operations(config, folder / f"count{worker}", full) + 1, WORKERS):
        run_dir = folder / str(number)
        results[number] = full_disk(config, run_dir, number) if full else killed(config, run_dir, number)
        if len(results[number]) == 1:
            results[number] += differences(whole, run_dir)
    (folder / f"worker{worker}.json").write_text(json.dumps(results))


def count_operations(config: dict[str, Any], run_dir: Path, full: bool) -> int:
    """How many there are in a run; on a full disk those that remove files are none."""
    reader, writer = os.pipe()

    def count() -> None:
        from groundup.run.run import run

        operations = Operations(full=full)
        operations.install()
        run(config, run_dir)
        os.write(writer, str(operations.count).encode())

    assert in_fork(count) == 0
    return int(os.read(reader, 100))


def killed(config: dict[str, Any], run_dir: Path, number: int) -> list[str]:
    """Ends a run before an operation, and goes on with it: how; and what was not as promised."""

    def die() -> None:
        from groundup.run.run import run

        Operations(number).install()
        run(config, run_dir)

    problems = [] if in_fork(die) == DIED else ["it did not end"]
    how = "went on" if (run_dir / "checkpoints" / "last.ckpt").exists() else "began anew"
    return [how, *problems, *([] if in_fork(lambda: go_on(config, run_dir)) == 0 else ["it did not go on"])]


def full_disk(config: dict[str, Any], run_dir: Path, number: int) -> list[str]:
    """Likewise, where the disk is full from an operation on; then there is room again."""

    def fill_and_go_on() -> None:
        from groundup.errors import RunFailed, UserError
        from groundup.run.run import run

        operations = Operations(number, full=True)
        operations.install()
        with pytest.raises((RunFailed, UserError), match=r"(?i)no space left"):
            run(config, run_dir)
        operations.ends_at = sys.maxsize
        go_on(config, run_dir)

    code = in_fork(fill_and_go_on)
    return ["went on", *([] if code == 0 else ["it did not go on"])]


def go_on(config: dict[str, Any], run_dir: Path) -> None:
    from groundup.run.run import run

    last = run_dir / "checkpoints" / "last.ckpt"
    run(config, run_dir, resume=last if last.exists() else None)


def differences(whole: Path, run_dir: Path) -> Iterator[str]:
    """What two finished runs differ in, beside times."""
    import torch

    pair = (whole, run_dir)
    for name in ("best.ckpt", "last.ckpt"):
        yield from unlike(name, *(torch.load(path / "checkpoints" / name, weights_only=True) for path in pair))
    yield from unlike("results.json", *(json.loads((path / "results.json").read_text()) for path in pair))
    yield from unlike(
        "metrics.csv", *(list(csv.DictReader((path / "metrics.csv").open())) for path in (whole, run_dir))
    )
    yield from unlike(
        "files", *(sorted(str(f.relative_to(path)) for f in path.rglob("*")) for path in (whole, run_dir))
    )


def unlike(where: str, one: Any, other: Any) -> Iterator[str]:
    import torch

    if isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):
            yield f"{where}: {list(one)} and {list(other)}"
        for key in one.keys() & other.keys() - TIMES:
            yield from unlike(f"{where} {key}", one[key], other[key])
    elif isinstance(one, list | tuple) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from unlike(f"{where} {number}", first, second)
    elif isinstance(one, torch.Tensor):
        if not torch.equal(one, other):
            yield f"{where}: other numbers"
    elif one != other:
        yield f"{where}: {one} and {other}"


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True], ids=["killed", "full disk"])
def test_a_run_ended_before_any_file_operation_goes_on_to_the_same_bits(make_config, tmp_path, full):
    config = make_config(*OVERRIDES, small=())
    processes = [_context.Process(target=trials, args=(config, tmp_path, full, worker)) for worker in range(WORKERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * WORKERS
    results: dict[str, list[str]] = {}
    for worker in range(WORKERS):
        results |= json.loads((tmp_path / f"worker{worker}.json").read_text())
    print(len(results), Counter(how for how, *_ in results.values()))
    assert len(results) > 100
    assert {number: problems for number, (_, *problems) in results.items() if problems} == {}
