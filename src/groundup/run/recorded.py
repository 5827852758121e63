"""A run directory while its run goes on: held, and told how the run ends, however it does."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.prune import Judge
from groundup.config.range_test import is_range_test
from groundup.errors import Interrupted, Pruned, RunFailed, UserError, log_of_tracebacks
from groundup.files import remove_unfinished, write_whole
from groundup.run.announce import announce, tell_the_end
from groundup.run.failures import one_line_cause
from groundup.run.figures import describe, first_results
from groundup.run.parts import Parts, assemble
from groundup.run.processes import cause_in_helper, end_helpers
from groundup.rundir.directory import refuse_files_of_no_run
from groundup.rundir.identity import as_comment
from groundup.rundir.links import refuse_links_out_of_run
from groundup.rundir.lock import Held, holding
from groundup.rundir.names import CONFIG, LAST, LOCK, PREDICTIONS, RESULTS
from groundup.rundir.plain import write_yaml
from groundup.rundir.pruned import forget_decision
from groundup.rundir.results import DONE, write_results
from groundup.rundir.state import LR_RANGE, clean, never_began
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


class Recorded:
    """A run directory while its run goes on. However the run ends, what came of it is written there.

    Args: as `run`.

    Attributes:
        parts: of the run, once they are assembled.
        results: what `results.json` will hold.
    """

    def __init__(self, config: Mapping[str, Any], run_dir: Path, resume: Path | None, overrides: Sequence[str]):
        self.config, self.run_dir, self.resume = config, run_dir, resume
        self.parts: Parts | None = None
        self.results = first_results(config, list(overrides))

    def assemble(self, stop: StopOnSignal, spec: DatasetSpec | None = None, judge: Judge | None = None) -> Parts:
        """Builds the parts of the run, and writes and says what is known of it before training."""
        self.parts = assemble(self.config, self.run_dir, stop, self.resume, spec, judge)
        if judge is None:  # gone on with by hand: what a study has decided holds no longer
            forget_decision(self.run_dir)
        write_whole(self.run_dir / CONFIG, as_comment(self.parts.identity) + write_yaml(dict(self.config)))
        layers = announce(self.parts, self.config, self.run_dir)
        self.results |= describe(self.parts, layers)
        return self.parts

    @contextmanager
    def open(self) -> Iterator[Recorded]:
        """Holds the directory, and turns what is raised inside into a result and one of the errors of `run`."""
        with _opened(self.run_dir, self.resume):
            yield from self._recording()

    def _recording(self) -> Iterator[Recorded]:
        results, run_dir = self.results, self.run_dir
        try:
            yield self
            results["status"] = "finished"
        except Pruned as given_up:
            results |= {"status": "pruned", "reason": str(given_up)}
            log.info(f"pruned, and not tested: {given_up}")
        except (Interrupted, KeyboardInterrupt, SystemExit) as stopped:
            results |= {"status": "interrupted", "error": _why_stopped(stopped)}
            if is_range_test(self.config):
                results["kind"] = LR_RANGE
                log.info("interrupted; a range test begins anew")
                raise
            word = shlex.quote(f"resume={run_dir}")
            log.info(f"interrupted; go on with: {word}")  # no warning: a sweep says how to go on with all
            raise
        except UserError as error:
            results |= {"status": "failed", "error": str(error)}
            if self.parts is not None and self.parts.trainer.global_step > self.parts.first_step:  # more than a request
                raise RunFailed(str(error)) from error
            raise
        except Exception as error:
            reason = cause_in_helper(error, run_dir) or one_line_cause(error, run_dir)
            results |= {"status": "failed", "error": reason}
            log_of_tracebacks.error("traceback of the failure", exc_info=error)
            raise RunFailed(reason) from error
        finally:
            if self.parts is not None or self.resume is None:  # else what an earlier part of the run wrote stays
                _conclude(run_dir, self.config, self.parts, results)


def _why_stopped(stopped: BaseException) -> str:
    if isinstance(stopped, SystemExit):  # a cluster takes the machine back, and runs the job again
        return "stopped by its launcher"
    return str(stopped) or "stopped by Ctrl-C"


@contextmanager
def _opened(run_dir: Path, resume: Path | None) -> Iterator[None]:
    """The run directory, there and ours alone."""
    refuse_links_out_of_run(run_dir)
    with ExitStack() as stack:
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(holding(run_dir / LOCK))
        except Held as error:
            raise UserError(f"resume={run_dir}: this run is still going on in another process") from error
        except OSError as error:
            raise UserError(f"hydra.run.dir={run_dir}: cannot be written: {error.strerror or error}") from error
        if resume is None and never_began(run_dir):
            clean(run_dir)
        if resume is None and ((run_dir / RESULTS).exists() or (run_dir / LAST).exists()):
            raise UserError(f"hydra.run.dir={run_dir}: holds a run already; go on with it by resume=, or name another")
        if resume is None:
            refuse_files_of_no_run(run_dir)
        for folder in (run_dir, (run_dir / LAST).parent):
            remove_unfinished(folder)
        yield


def _conclude(run_dir: Path, config: Mapping[str, Any], parts: Parts | None, results: dict[str, Any]) -> None:
    try:
        if parts is not None:
            end_helpers(parts.trainer, failed=results["status"] not in DONE)
        for name in PREDICTIONS.values() if results["status"] != "finished" else ():  # of an earlier test: none now
            (run_dir / name).unlink(missing_ok=True)
        write_results(run_dir, results)
        if parts is not None:
            tell_the_end(parts, config, run_dir, results)
    except OSError as error:
        raise RunFailed(one_line_cause(error, run_dir)) from error
