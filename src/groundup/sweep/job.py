"""A job of a sweep, where it runs: going on or beginning anew, its line at the end, nothing left behind."""

from __future__ import annotations

import os
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import TaskFunction
from omegaconf import DictConfig

from groundup.command.frame import JobFailed, Task
from groundup.command.tell import tell
from groundup.config.model_kinds import computes_in_numpy
from groundup.errors import RunFailed, UserError, log_of_tracebacks
from groundup.rundir.figure import number_in
from groundup.rundir.overrides import label
from groundup.rundir.results import read_results, write_results
from groundup.rundir.state import clean, discard_if_unused, one_line, read_state
from groundup.sweep.isolation import isolated
from groundup.sweep.job_processes import Process, announced, say
from groundup.sweep.tally import tally_of


@dataclass(frozen=True)
class Job:
    """What a launcher calls with the config of each job; it gives whether there was something to do.

    What failed is in `results.json`, and raised: so Hydra tells its callbacks, and launchers go on.

    Args:
        task: what a run without a sweep would be.
        sweep_dir: whose folders are the jobs'.
        varied: the keys that tell jobs apart.
        jobs: how many the sweep has.
        ended_before: how many had ended when it began, or went on.
        began: when that was, in seconds since the epoch.
        fail_fast: whether a job that begins after another has failed does not run.
        failed_before: how many had failed when it began; trials of a study stay failed.
        strays: folders there that are called as a job's, and are none's.
        home: the process of the sweep.
    """

    task: TaskFunction
    sweep_dir: Path
    varied: list[str]
    jobs: int
    ended_before: int
    began: float
    fail_fast: bool
    failed_before: int = 0
    strays: frozenset[str] = frozenset()
    home: Process = field(default_factory=Process.this)

    def __call__(self, cfg: DictConfig) -> bool:
        if self._at_home:
            return self._do(cfg)
        run_dir = Path(HydraConfig.get().runtime.output_dir)
        try:
            with announced(self.sweep_dir, int(HydraConfig.get().job.num)) as may_run:
                if may_run:
                    return self._do(cfg)
                discard_if_unused(run_dir)
            return False
        finally:
            if self.home.is_gone:  # killed: no other job comes, for which joblib's processes wait five minutes
                os._exit(0)

    @property
    def _at_home(self) -> bool:
        return Process.this() == self.home

    def _do(self, cfg: DictConfig) -> bool:
        hydra = HydraConfig.get()
        run_dir, overrides = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
        if self.fail_fast and self._tally().failed > self.failed_before:
            discard_if_unused(run_dir)
            return False
        if not self._ready(cfg, run_dir):
            return False
        start, failure = time.monotonic(), ""
        try:
            with isolated():
                cfg.trainer.devices = devices(cfg, int(hydra.job.num))
                self._run(cfg)
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and not self._at_home:  # of the launcher, which runs the job once more
                raise
            self._keep(error, run_dir, cfg, overrides)
            failure = f"{type(error).__name__}: {error}"
        self.report(run_dir, overrides, time.monotonic() - start)
        if failure:
            raise JobFailed(failure)
        return True

    def report(self, run_dir: Path, overrides: list[str], seconds: float, said_later: int = 0) -> None:
        """Says what a job has come to; `said_later`: how many that have ended too are said after it."""
        line = self.line(run_dir, overrides, seconds, said_later)
        if self._at_home:
            tell(line)
        else:
            say(self.sweep_dir, line)

    def _run(self, cfg: DictConfig) -> None:
        if isinstance(self.task, Task):
            self.task.run(cfg)
            return
        try:
            self.task(cfg)
        except Exception:  # tracebacks were asked for
            traceback.print_exc()
            raise

    @staticmethod
    def _ready(cfg: DictConfig, run_dir: Path) -> bool:
        """Looks at what an earlier attempt has left: whether there is something to do, and from where."""
        state = read_state(run_dir)
        if state.is_done or state.status == "running":
            return False
        if state.checkpoint is not None:
            cfg.resume = str(state.checkpoint)
        else:
            clean(run_dir)
        return True

    @staticmethod
    def _keep(error: BaseException, run_dir: Path, cfg: DictConfig, overrides: list[str]) -> None:
        """Writes down a failure that the run itself could not."""
        known = isinstance(error, UserError | RunFailed)
        if not known:
            log_of_tracebacks.error("traceback of the failure", exc_info=error)
        results = read_results(run_dir)
        if results.get("status") == "failed":
            return
        about = {"model": cfg.model.name, "data": cfg.data.name, "seed": cfg.seed, "overrides": overrides}
        reason = one_line(str(error) if known else f"{type(error).__name__}: {error}")
        try:
            write_results(run_dir, results | about | {"status": "failed", "error": reason})
        except OSError:  # as full as it was for the run itself
            log_of_tracebacks.error("results.json could not be written", exc_info=True)

    def _tally(self) -> Any:
        return tally_of(self.sweep_dir, self.jobs, self.strays, self.began).look()

    def line(self, run_dir: Path, overrides: list[str], seconds: float, said_later: int = 0) -> str:
        """`[3/12] model=mlp seed=0  val/acc 0.981  test/acc 0.979  12 s  left 1 min 40 s`"""
        ended, results = self._tally().ended, read_results(run_dir)
        name = label(overrides, self.varied)  # none in a sweep of one: nothing varies
        words = [f"[{ended - said_later}/{self.jobs}] {name}".rstrip()]
        if results.get("status") == "finished":
            words += [
                f"{name} {value:.3f}"
                for name in ("val/acc", "test/acc")
                if (value := number_in(results, name)) is not None
            ]
        else:
            reason = one_line(results.get("reason") or results.get("error", "no results were written"))
            words.append(f"{results.get('status', 'failed')}: {reason}")
        words.append(duration(seconds))
        left = self.jobs - ended
        if left and ended > self.ended_before:
            words.append(f"left {duration((time.time() - self.began) / (ended - self.ended_before) * left)}")
        return "  ".join(words)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `1 min 40 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    if not minutes:
        return f"{whole} s"
    return f"{minutes} min {whole} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def devices(cfg: DictConfig, number: int) -> Any:
    """Job k gets GPU k mod n where there are n; what was asked for elsewhere."""
    asked = cfg.trainer.devices
    if asked not in (1, "auto") or cfg.trainer.accelerator in ("cpu", "mps") or computes_in_numpy(cfg.model):
        return asked
    gpus = count_gpus()
    return [number % gpus] if gpus else asked


def count_gpus() -> int:
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return 0
    import torch

    return torch.cuda.device_count()
