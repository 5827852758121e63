"""The jobs of a sweep to the launcher that was asked for, and how many cores each of them may use.

As many threads as cores in every job that runs beside others costs a hundred times what it gains.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher

from groundup.borrowed.hydra import joblib_settings, ray_settings, submitit_settings
from groundup.errors import UserError
from groundup.paths import unique_name
from groundup.rundir.jobs import FrozenJob
from groundup.sweep.frozen import launch_words
from groundup.sweep.job_processes import attended

IN_THIS_PROCESS = ("StackedLauncher",)
OF_SUBMITIT = ("LocalLauncher", "SlurmLauncher")
IGNORE_CTRL_C = "trap '' INT"  # of a shell, and what it starts
AN_HOUR, A_YEAR = 60, 366 * 24 * 60  # minutes; an hour is submitit's default, for clusters
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def refuse_bad_launcher(node: Mapping[str, Any]) -> None:
    """Looks at the config of a launcher before a sweep begins, as its library would only when it has begun.

    Raises:
        UserError: it cannot launch anything.
    """
    kind = str(node.get("_target_", "")).rpartition(".")[2]
    if kind == "JoblibLauncher" and node["n_jobs"] == 0:
        raise UserError("hydra.launcher.n_jobs=0: accepted: 1 or more, or -1 for as many as cores")
    if kind == "StackedLauncher" and not (isinstance(node["max_members"], int) and node["max_members"] >= 1):
        raise UserError(f"hydra.launcher.max_members={node['max_members']}: must be a whole number greater than 0")
    if kind == "SlurmLauncher" and shutil.which("srun") is None:
        raise UserError("hydra/launcher=slurm: no srun here; accepted: a machine that submits to a SLURM cluster")


def launch(launcher: Launcher, jobs: Sequence[FrozenJob], sweep_dir: Path) -> None:
    """Runs the jobs, by whatever launcher; their results are in their directories."""
    if not jobs:
        return
    kind = type(launcher).__name__  # plugins need not be installed; Hydra loads its own a second time
    if kind in OF_SUBMITIT:
        _give_a_fresh_folder(launcher)
    if kind == "BasicLauncher":
        for job in jobs:  # one by one: it would keep all their configs in memory
            launcher.launch([launch_words(job)], initial_job_idx=job.number)
    elif kind in IN_THIS_PROCESS:
        launcher.launch([launch_words(job) for job in jobs], initial_job_idx=0)
    elif kind == "JoblibLauncher":
        _launch_by_joblib(launcher, jobs, sweep_dir)
    elif kind == "LocalLauncher":
        _launch_by_submitit_here(launcher, jobs, sweep_dir)
    elif kind == "RayLauncher":
        _launch_by_ray(launcher, jobs, sweep_dir)
    else:
        _launch_elsewhere(launcher, jobs, sweep_dir)


def _give_a_fresh_folder(launcher: Launcher) -> None:
    """submitit unpickles what lies in its folder under the name of a job, and the sweep may be a stranger's."""
    settings = submitit_settings(launcher)
    folder = Path(str(settings["submitit_folder"]))
    settings["submitit_folder"] = str(folder.parent / unique_name() / folder.name)


def _launch_elsewhere(launcher: Launcher, jobs: Sequence[FrozenJob], sweep_dir: Path, first: int = 0) -> None:
    with attended(sweep_dir):
        launcher.launch([launch_words(job) for job in jobs], initial_job_idx=first)


def _launch_by_joblib(launcher: Launcher, jobs: Sequence[FrozenJob], sweep_dir: Path) -> None:
    """joblib gives every process cores / n_jobs threads: no more processes than jobs, so that none is left out."""
    import joblib

    settings = joblib_settings(launcher)
    settings["n_jobs"] = min(joblib.effective_n_jobs(settings["n_jobs"]), len(jobs))
    _launch_elsewhere(launcher, jobs, sweep_dir)


def _launch_by_submitit_here(launcher: Launcher, jobs: Sequence[FrozenJob], sweep_dir: Path) -> None:
    """submitit starts all jobs that it is given at once: so many at a time as there are cores for.

    Ctrl-C in a terminal reaches the processes that watch the jobs, too, and they would kill them.
    """
    cores, settings = count_cores(), submitit_settings(launcher)
    settings["setup"] = [IGNORE_CTRL_C]
    if settings["timeout_min"] == AN_HOUR:
        settings["timeout_min"] = A_YEAR
    at_once = min(max(1, cores // (settings.get("cpus_per_task") or 1)), len(jobs))
    with _threads(settings.get("cpus_per_task") or cores // at_once):
        for first in itertools.count(0, at_once):
            if batch := jobs[first : first + at_once]:
                _launch_elsewhere(launcher, batch, sweep_dir, first)
            else:
                return


def _launch_by_ray(launcher: Launcher, jobs: Sequence[FrozenJob], sweep_dir: Path) -> None:
    """Ray gives every job as many threads as cores, `remote.num_cpus`, of which it has one by itself.

    Started here, before the signals are ours: it takes SIGTERM for itself.
    """
    import ray

    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.WARNING}
    settings = ray_settings(launcher)
    settings.init = quiet | dict(settings.init)
    ray.init(**settings.init)
    try:
        _launch_elsewhere(launcher, jobs, sweep_dir)
    finally:
        ray.shutdown()


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Threads of a process started inside, where the user has not said how many."""
    ours = [name for name in THREADS if name not in os.environ]
    os.environ.update({name: str(number) for name in ours})
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
