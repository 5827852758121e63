"""The frame of every command: Hydra's entry with our paths, one short message for a bad request, exit codes.

Imports neither torch nor pydantic, so that help, `--cfg job` and a misspelt key are answered at once.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from groundup.borrowed.hydra import get_args_parser
from groundup.command.mode import asked_for_sweep, look_for_a_sweep, refuse_two_modes
from groundup.command.resolvers import SWEEP_DIR, register_resolvers
from groundup.errors import Interrupted, RunFailed, SweepFailed, UserError, chain
from groundup.printable import printable_lines

BAD_REQUEST = 2
FAILED = 1
TRACEBACKS = "HYDRA_FULL_ERROR"


def command(config_name: str, sweeps: bool = True) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Makes a function of a config a command: `conf/<config_name>.yaml` beside its file, composed by Hydra.

    One that `sweeps` may be asked, with `-m`, for a job for every combination of values.

    Exit codes: 0 done; 1 the run, a job of a sweep, or an image to be classified, failed; 2 a request that cannot be
    met, in one message; 128 + signal stopped. With `HYDRA_FULL_ERROR=1` in the environment, tracebacks come out instead
    of messages.
    """

    def decorate(function: Callable[[DictConfig], Any]) -> Callable[[], None]:
        root = Path(inspect.getfile(function)).resolve().parent

        @functools.wraps(function)
        def main() -> None:
            register_resolvers(root)
            os.environ.pop(SWEEP_DIR, None)  # of an earlier sweep of this process
            task: Any = function if asked_for_tracebacks() else Task(function, root)
            compose_and_run = hydra.main(version_base="1.3", config_path=str(root / "conf"), config_name=config_name)
            if task is function:
                _refuse_sweep_where_there_is_none(sweeps)
                with _paths_as_typed():
                    return compose_and_run(task)()
            primary = root / "conf" / f"{config_name}.yaml"
            # TRACEBACKS: else Hydra itself prints errors, its own way
            with _one_message(root, primary, sweeps), _environment(TRACEBACKS, "1"):
                _refuse_unknown_options()
                _refuse_missing_configs(primary)
                _refuse_sweep_where_there_is_none(sweeps)
                with _paths_as_typed(), _settings_of_single_jobs_hidden():
                    compose_and_run(task)()

        return main

    return decorate


class Task:
    """What Hydra calls with a config. In a process that a launcher started, it registers the resolvers first."""

    def __init__(self, function: Callable[[DictConfig], Any], root: Path):
        functools.update_wrapper(self, function)
        self.function = function
        self.root = root

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        register_resolvers(self.root)

    def __call__(self, cfg: DictConfig) -> Any:
        try:
            if HydraConfig.get().mode == RunMode.RUN:
                look_for_a_sweep(HydraConfig.get())
            return self.run(cfg)
        except (UserError, RunFailed) as error:
            _discard_if_empty(Path(HydraConfig.get().runtime.output_dir), self.root)
            say(str(error))
            code = FAILED if isinstance(error, RunFailed) else BAD_REQUEST
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise JobFailed(str(error)) from error  # Hydra goes on with the other jobs
            sys.exit(code)

    def run(self, cfg: DictConfig) -> Any:
        """Raises what the function raises, and says nothing: a sweep that is ours does."""
        with _environment(TRACEBACKS, None):  # ours: not to be inherited by processes that a run starts
            return self.function(cfg)


class JobFailed(Exception):
    """A job of a sweep failed and has said so."""


@contextmanager
def _one_message(root: Path, primary: Path, sweeps: bool) -> Iterator[None]:
    """Ends the process with the exit code of what is raised inside, after one message; bugs keep their traceback."""
    try:
        yield
    except Interrupted as stopped:
        sys.exit(128 + stopped.signum)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(128 + signal.SIGINT)
    except SweepFailed as error:
        say(str(error))
        sys.exit(FAILED)
    except JobFailed as error:
        say(f"a job of the sweep failed: {error}")
        sys.exit(FAILED)
    except Exception as error:
        if _raised_by_task(error):
            raise
        say(_message(error, primary, sweeps))
        if SWEEP_DIR in os.environ:
            _discard_if_empty(Path(os.environ[SWEEP_DIR]), root)
        sys.exit(BAD_REQUEST)


def _message(error: Exception, primary: Path, sweeps: bool) -> str:
    """The message for an error of the command line, of Hydra's composition or of making the output directory."""
    causes = list(chain(error))
    for cause in causes:
        if isinstance(cause, UserError):
            return str(cause)
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError) and not _has_os_error(causes):
        from groundup.command.explain import explain  # only when it is needed: starting up must stay fast

        return explain(error, _overrides(), primary, sweeps)
    for cause in causes:
        if isinstance(cause, OSError) and not isinstance(cause, HydraException):
            return f"the output directory cannot be written: {cause}. Another one: hydra.run.dir=DIR"
    raise error


def _has_os_error(causes: list[BaseException]) -> bool:
    return any(isinstance(cause, OSError) and not isinstance(cause, HydraException) for cause in causes)


def _raised_by_task(error: Exception) -> bool:
    return any(frame.f_code is Task.__call__.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))


def _overrides() -> list[str]:
    return get_args_parser().parse_args().overrides


@contextmanager
def _paths_as_typed() -> Iterator[None]:
    """See `groundup.command.grammar.literal`."""
    from groundup.command.grammar import literal

    with _settings(literal):
        yield


@contextmanager
def _settings_of_single_jobs_hidden() -> Iterator[None]:
    """For a sweep: see `groundup.command.words`."""
    if not asked_for_sweep(get_args_parser().parse_args()):
        yield
        return
    from groundup.command.words import hide

    with _settings(hide):
        yield


@contextmanager
def _settings(change: Callable[[str], str]) -> Iterator[None]:
    """Changes the settings of the command line, and puts back what was there."""
    before, settings = sys.argv, _overrides()
    sys.argv = [change(word) if word in settings else word for word in sys.argv]
    try:
        yield
    finally:
        sys.argv = before


def _refuse_unknown_options() -> None:
    """Hydra's own parser, with a message instead of twenty lines of usage."""
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        option = message.rpartition(": ")[2].split()[0] if "unrecognized" in message else ""
        if not option:
            raise UserError(f"{message}. Help: --help")
        if not option.startswith("-"):
            raise UserError(f"{option}: settings on both sides of an option; put -m before or after all settings")
        accepted = "--help, --cfg job, --multirun (-m), --shell-completion (-sc), --resolve, --hydra-help"
        setting = option.lstrip("-") if "=" in option else f"{option.lstrip('-')}=VALUE"
        meant = difflib.get_close_matches(option, re.findall(r"--[\w-]+", accepted), n=1, cutoff=0.75) or [setting]
        raise UserError(f"{option}: unknown option; did you mean {meant[0]}? Accepted: KEY=VALUE, {accepted}")

    parser.error = refuse  # type: ignore[method-assign]
    parser.parse_args()


def _refuse_missing_configs(primary: Path) -> None:
    """Hydra's options for where configs are: words of our own where nothing is."""
    asked = get_args_parser().parse_args()
    folder, name = asked.config_path, (asked.config_name or primary.name).removesuffix(".yaml")
    if asked.config_dir is not None and not Path(asked.config_dir).is_dir():
        raise UserError(f"--config-dir={asked.config_dir}: no such folder; accepted: one of further options of groups")
    if (folder is not None and "://" in folder) or any("hydra.searchpath" in word for word in asked.overrides):
        return  # it may be anywhere
    where = primary.parents[1] / folder if folder is not None else primary.parent  # as Hydra: beside the command's file
    if any((Path(place) / f"{name}.yaml").is_file() for place in (where, asked.config_dir or where)):
        return
    there = ", ".join(sorted(file.stem for file in where.glob("*.yaml"))) or "none"
    if folder is not None:
        raise UserError(f"--config-path={folder}: no {name}.yaml in {where}; leave it out for this project's own conf")
    raise UserError(f"--config-name={asked.config_name}: no {name}.yaml in {where}; there are {there}")


def _refuse_sweep_where_there_is_none(sweeps: bool) -> None:
    wanted = get_args_parser().parse_args()
    refuse_two_modes(wanted)
    if not sweeps and asked_for_sweep(wanted):
        raise UserError(f"-m: {Path(sys.argv[0]).name} makes no sweeps; call it once for each value")


def _discard_if_empty(directory: Path, root: Path) -> None:
    """Removes the directory that Hydra made for a run, or a sweep, which never began."""
    if root / "outputs" not in directory.parents or not directory.is_dir():
        return
    files = list(directory.iterdir())
    if any(file.name != "multirun.yaml" and (file.suffix != ".log" or file.stat().st_size) for file in files):
        return
    for file in files:
        file.unlink()
    directory.rmdir()
    if not any(directory.parent.iterdir()):
        directory.parent.rmdir()


def asked_for_tracebacks() -> bool:
    return os.environ.get(TRACEBACKS) == "1"


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Sets an environment variable, or unsets it with None, and puts back what was there."""
    before = os.environ.get(name)

    def put(value: str | None) -> None:
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value

    put(value)
    try:
        yield
    finally:
        put(before)


def say(message: str) -> None:
    print("error: " + printable_lines(message).replace("\n", "\n       "), file=sys.stderr, flush=True)
