"""What is freed is there for the next step."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from groundup.errors import UserError
from groundup.run.allocator import keep_freed_memory

FAULTS = """
import ctypes, resource, sys
from groundup.run.allocator import keep_freed_memory
said = keep_freed_memory() if sys.argv[1] == "keep" else False
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
for step in range(6):
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(64 * 2**20)
    libc.memset(block, 1, 64 * 2**20)
    libc.free(block)
print(said, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
glibc_alone = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")


def faults(how, **environment):
    """Whether it says that memory is kept, and the pages faulted in over five blocks of 64 MiB."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS, how]
    out = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True).stdout
    said, count = out.split()
    return said == "True", int(count)


@glibc_alone
def test_a_large_block_that_was_freed_is_not_zeroed_again():
    page = os.sysconf("SC_PAGE_SIZE")
    assert faults("leave") == (False, pytest.approx(5 * 64 * 2**20 / page, rel=0.1))
    said, count = faults("keep")
    assert said
    assert count < 100


@glibc_alone
def test_an_allocator_that_the_environment_tells_what_to_do_is_left_alone():
    said, count = faults("keep", MALLOC_MMAP_THRESHOLD_="131072")
    assert not said
    assert count > 1000
    assert faults("keep", MALLOC_ARENA_MAX="2")[0]  # which is another matter


@pytest.fixture
def asked():
    """How often this process has asked, since the test began."""
    keep_freed_memory.cache_clear()
    return lambda: keep_freed_memory.cache_info().misses


NOTHING, NOWHERE = {}, Path("nowhere")


@pytest.mark.parametrize(
    ("where", "work", "arguments"),
    [
        ("run.run", "run", (NOTHING, NOWHERE)),
        ("run.evaluate", "evaluate", (NOWHERE,)),
        ("run.predict", "predict", (NOWHERE, NOWHERE)),
        ("sweep.stacked.training", "train_stacked", ([(NOTHING, NOWHERE, [])],)),
    ],
)
def test_a_process_asks_once_when_a_commands_work_begins(asked, where, work, arguments):
    begin = getattr(importlib.import_module(f"groundup.{where}"), work)
    assert asked() == 0
    for _ in range(2):
        with pytest.raises((UserError, KeyError)):  # it has nothing to do
            begin(*arguments)
        assert asked() == 1


def test_the_parts_of_a_run_do_not_ask(asked, make_config, tmp_path):
    from groundup.callbacks.interrupt import StopOnSignal
    from groundup.run.parts import assemble

    assemble(make_config("logger=none"), tmp_path, StopOnSignal())
    assert asked() == 0
