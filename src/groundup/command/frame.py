"""The frame of every command: Hydra's entry with our paths, one short message for a bad request, exit codes.

Imports neither torch nor pydantic, so that help, `--cfg job` and a misspelt key are answered at once.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from groundup.borrowed.hydra import get_args_parser
from groundup.command.asked_folders import config_dir_of, folders_asked_for, refuse_missing_folders
from groundup.command.completion import with_options_of_line
from groundup.command.config_files import look_at_files, with_files
from groundup.command.environment import environment
from groundup.command.mode import asked_for_sweep, look_for_a_sweep, refuse_sweep_of_ours, refuse_two_modes
from groundup.command.place import Place
from groundup.command.resolvers import SWEEP_DIR
from groundup.command.search_path import further_configs
from groundup.command.words import options_first
from groundup.errors import Interrupted, RunFailed, SweepFailed, UserError, chain
from groundup.printable import printable_lines

BAD_REQUEST = 2
FAILED = 1
TRACEBACKS = "HYDRA_FULL_ERROR"


@dataclass(frozen=True)
class Command:
    """A function of a config as a command, its config composed by Hydra.

    Exit codes: 0 done; 1 the run, a job of a sweep, or an image to be classified, failed; 2 a request that cannot be
    met, in one message; 128 + signal stopped. With `HYDRA_FULL_ERROR=1` in the environment, tracebacks come out instead
    of messages.

    Attributes:
        name: of the command and of its config.
        function: a function that other processes can import, so that launchers can send it there.
        sweeps: whether it may be asked, with `-m`, for a job for every combination of values.
    """

    name: str
    function: Callable[[DictConfig], Any]
    sweeps: bool = True

    def run(self, place: Place, words: Sequence[str]) -> None:
        """Does what the words of a command line ask for, and ends the process where that went wrong."""
        words = options_first(with_options_of_line(words))
        place = place.with_folder(config_dir_of(words))
        place.settle()
        os.environ.pop(SWEEP_DIR, None)  # of an earlier sweep of this process
        wants_tracebacks = asked_for_tracebacks()
        task = (BareTask if wants_tracebacks else Task)(self.function, place, tuple(sys.argv))
        config = place.config or self.name
        with _arguments([sys.argv[0], *words]), further_configs(place.confs[1:]):
            if wants_tracebacks:
                self._refuse_sweep_where_there_is_none(place)
                with _paths_as_typed(place):
                    return _compose_and_run(task, config)
            # TRACEBACKS: else Hydra itself prints errors, its own way
            with _one_message(place.config_file(config), self.sweeps, place), environment(TRACEBACKS, "1"):
                _refuse_unknown_options(self.name)
                _refuse_missing_configs(config, place)
                self._refuse_sweep_where_there_is_none(place)
                with _paths_as_typed(place), _settings_of_single_jobs_hidden():
                    _compose_and_run(task, config)

    def _refuse_sweep_where_there_is_none(self, place: Place) -> None:
        wanted = get_args_parser().parse_args()
        refuse_two_modes(wanted)
        if not self.sweeps and asked_for_sweep(wanted):
            spelt = place.spell(self.name).removeprefix("python ")
            raise UserError(f"-m: {spelt} makes no sweeps; call it once for each value")


def _compose_and_run(task: BareTask, config: str) -> None:
    hydra.main(version_base="1.3", config_path=str(task.place.confs[0]), config_name=config)(task)()


class BareTask:
    """What Hydra calls with a config. In a process that a launcher started, it makes that one of the command first.

    Args:
        argv: as typed, for what starts the command once more, as Lightning does for each further device.
    """

    def __init__(self, function: Callable[[DictConfig], Any], place: Place, argv: tuple[str, ...]):
        functools.update_wrapper(self, function)
        self.function, self.place, self.argv = function, place, argv

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.place.settle()

    def __call__(self, cfg: DictConfig) -> Any:
        with _arguments(self.argv):
            return self.function(cfg)


class Task(BareTask):
    """Likewise, answering bad requests with a message."""

    def __call__(self, cfg: DictConfig) -> Any:
        try:
            if HydraConfig.get().mode == RunMode.RUN:
                look_for_a_sweep(HydraConfig.get())
                look_at_files(cfg, HydraConfig.get())
            else:
                refuse_sweep_of_ours(cfg, HydraConfig.get())  # of ours a job does not come here
            return self.run(cfg)
        except (UserError, RunFailed) as error:
            _discard_if_empty(Path(HydraConfig.get().runtime.output_dir), self.place)
            say(with_files(str(error), HydraConfig.get()))
            code = FAILED if isinstance(error, RunFailed) else BAD_REQUEST
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise JobFailed(str(error)) from error  # Hydra goes on with the other jobs
            sys.exit(code)

    def run(self, cfg: DictConfig) -> Any:
        """Raises what the function raises, and says nothing: a sweep that is ours does."""
        with environment(TRACEBACKS, None):  # ours: not to be inherited by processes that a run starts
            return super().__call__(cfg)


class JobFailed(Exception):
    """A job of a sweep failed and has said so."""


@contextmanager
def _one_message(primary: Path, sweeps: bool, place: Place) -> Iterator[None]:
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
        if isinstance(error, BrokenPipeError) and _has_no_reader():  # it has read enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would say so once more as it ends
            sys.exit(FAILED)
        if _raised_by_task(error):
            raise
        say(_message(error, primary, sweeps, place))
        if SWEEP_DIR in os.environ:
            _discard_if_empty(Path(os.environ[SWEEP_DIR]), place)
        sys.exit(BAD_REQUEST)


def _has_no_reader() -> bool:
    """Whether nobody reads any longer what is printed; else it was another pipe that broke."""
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in watched.poll(0))


def _message(error: Exception, primary: Path, sweeps: bool, place: Place) -> str:
    """The message for an error of the command line, of Hydra's composition or of making the output directory."""
    causes = list(chain(error))
    for cause in causes:
        if isinstance(cause, UserError):
            return str(cause)
    composing = (HydraException, OmegaConfBaseException, ValueError, YAMLError)
    if (isinstance(error, composing) or _is_unchecked_by_hydra(error)) and not _has_os_error(causes):
        from groundup.command.explain import explain  # only when it is needed: starting up must stay fast

        folders = folders_asked_for(get_args_parser().parse_args(), place)
        return explain(error, _overrides(), primary, sweeps, folders)
    for cause in causes:
        if isinstance(cause, OSError) and not isinstance(cause, HydraException):
            return f"the output directory cannot be written: {cause}. Choose another one: hydra.run.dir=DIR"
    raise error


def _is_unchecked_by_hydra(error: Exception) -> bool:
    """Whether it is of `hydra.job.env_copy`, `hydra.verbose` or a plugin, whose values Hydra uses as they come."""
    where = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    uses = {KeyError: "_load_configuration_impl", AssertionError: "configure_log", RuntimeError: "_instantiate"}
    return uses.get(type(error)) in where


def _has_os_error(causes: list[BaseException]) -> bool:
    return any(isinstance(cause, OSError) and not isinstance(cause, HydraException) for cause in causes)


def _raised_by_task(error: Exception) -> bool:
    return any(frame.f_code is Task.__call__.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))


def _overrides() -> list[str]:
    return get_args_parser().parse_args().overrides


@contextmanager
def _paths_as_typed(place: Place) -> Iterator[None]:
    """See `groundup.command.grammar.literal`. A relative `--config-path` is one beside the script."""
    from groundup.command.grammar import literal

    asked = get_args_parser().parse_args().config_path
    is_path = asked is not None and "://" not in asked
    with _settings(literal), _arguments([*sys.argv, *([f"--config-path={place.beside / asked}"] if is_path else [])]):
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
    settings = _overrides()
    with _arguments([change(word) if word in settings else word for word in sys.argv]):
        yield


@contextmanager
def _arguments(argv: Sequence[str]) -> Iterator[None]:
    """Changes the words of this process, and puts back what was there."""
    before = sys.argv
    sys.argv = list(argv)
    try:
        yield
    finally:
        sys.argv = before


def _refuse_unknown_options(command: str) -> None:
    """Hydra's own parser, with a message instead of twenty lines of usage."""
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        option = message.rpartition(": ")[2].split()[0] if "unrecognized" in message else ""
        if not option:
            raise UserError(f"{message}. Help: --help")
        if not option.startswith("-"):
            raise UserError(f"{option}: settings on both sides of an option; put -m before or after all settings")
        accepted = "--help, --cfg job, --multirun (-m), --shell-completion (-sc), --resolve, --hydra-help"
        meant = difflib.get_close_matches(option, re.findall(r"--[\w-]+", accepted), n=1, cutoff=0.75)
        meant = meant or [_as_setting(option, command)]
        raise UserError(f"{option}: unknown option; did you mean {meant[0]}? Accepted: KEY=VALUE, {accepted}")

    parser.error = refuse  # type: ignore[method-assign]
    parser.parse_args()


def _as_setting(option: str, command: str) -> str:
    """What `--batch-size 64` or `--lr=0.1` would be as a setting."""
    from groundup.config.familiar import familiar

    name, _, value = option.partition("=")
    after = sys.argv[sys.argv.index(option) + 1 :] if option in sys.argv else []
    if not value and after and not after[0].startswith("-") and "=" not in after[0]:
        value = after[0]
    key = name.lstrip("-").replace("-", "_")
    return familiar(key, value, command) or f"{key}={value or 'VALUE'}"


def _refuse_missing_configs(config_name: str, place: Place) -> None:
    """Hydra's options for where configs are: words of our own where nothing is."""
    asked = get_args_parser().parse_args()
    folder, name = asked.config_path, (asked.config_name or config_name).removesuffix(".yaml")
    if asked.config_dir is not None and not Path(asked.config_dir).is_dir():
        raise UserError(
            f"--config-dir={asked.config_dir}: no such folder; accepted: a folder with further options of groups"
        )
    refuse_missing_folders(asked)
    if (folder is not None and "://" in folder) or any("hydra.searchpath" in word for word in asked.overrides):
        return  # it may be anywhere
    main = place.confs[0] if folder is None else place.beside / folder
    places = [main, *place.confs[1:], *([asked.config_dir] if asked.config_dir else [])]
    if any((Path(where) / f"{name}.yaml").is_file() for where in places):
        return
    if folder is not None:
        raise UserError(f"--config-path={folder}: no {name}.yaml in {main}; leave it out for this project's own conf")
    there = sorted({file.stem for where in (main, *place.confs[1:]) for file in where.glob("*.yaml")})
    typed = f"--config-name={asked.config_name}: " if asked.config_name else ""
    raise UserError(f"{typed}no {name}.yaml in {main}; there are {', '.join(there) or 'none'}")


def _discard_if_empty(directory: Path, place: Place) -> None:
    """Removes the directory that Hydra made for a run, or a sweep, which never began."""
    if place.home.outputs not in directory.parents or not directory.is_dir():
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


def say(message: str) -> None:
    print("error: " + printable_lines(message).replace("\n", "\n       "), file=sys.stderr, flush=True)
