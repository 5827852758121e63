"""What launchers are given, and what jobs in other processes say; without other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from groundup.errors import Interrupted
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.names import PROCESSES
from groundup.sweep import elsewhere, launchers

JOBS = [FrozenJob(number, [f"seed={number}"], {}) for number in range(5)]


class LocalLauncher:  # by its name: submitit's
    def __init__(self, cpus_per_task=None):
        self.params = {"cpus_per_task": cpus_per_task, "timeout_min": 60, "submitit_folder": "s/.submitit/%j"}
        self.launched: list[tuple[int, int, str | None]] = []

    def launch(self, words, initial_job_idx):
        self.launched.append((initial_job_idx, len(words), os.environ.get("OMP_NUM_THREADS")))


@pytest.mark.parametrize(
    ("cores", "cpus_per_task", "expected"),
    [
        (2, None, [(0, 2, "1"), (2, 2, "1"), (4, 1, "1")]),
        (16, None, [(0, 5, "3")]),
        (8, 4, [(0, 2, "4"), (2, 2, "4"), (4, 1, "4")]),
        (2, 4, [(number, 1, "4") for number in range(5)]),
    ],
)
def test_submitit_starts_no_more_jobs_at_once_than_there_are_cores_for(
    monkeypatch, tmp_path, cores, cpus_per_task, expected
):
    monkeypatch.setattr(launchers, "count_cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    launcher = LocalLauncher(cpus_per_task)
    launchers.launch(launcher, JOBS, tmp_path)
    assert launcher.launched == expected
    assert "OMP_NUM_THREADS" not in os.environ


def test_jobs_of_submitit_here_have_no_hours_limit_and_are_not_killed_by_ctrl_c(tmp_path):
    launcher = LocalLauncher()
    launchers.launch(launcher, JOBS, tmp_path)
    assert launcher.params["timeout_min"] >= 365 * 24 * 60
    assert launcher.params["setup"] == ["trap '' INT"]
    launcher.params["timeout_min"] = 90  # the user's own
    launchers.launch(launcher, JOBS, tmp_path)
    assert launcher.params["timeout_min"] == 90


def test_the_number_of_threads_that_the_user_has_set_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(launchers, "count_cores", lambda: 16)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    launcher = LocalLauncher()
    launchers.launch(launcher, JOBS, tmp_path)
    assert launcher.launched == [(0, 5, "2")]
    assert os.environ["OMP_NUM_THREADS"] == "2"


def test_joblib_starts_no_more_processes_than_there_are_jobs(tmp_path):
    class JoblibLauncher:
        joblib = {"n_jobs": 8}  # noqa: RUF012

        def launch(self, words, initial_job_idx):
            pass

    launchers.launch(JoblibLauncher(), JOBS, tmp_path)
    assert JoblibLauncher.joblib["n_jobs"] == 5


def test_a_job_that_is_told_to_stop_ends_without_an_exception_and_signals_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    reached = []
    with elsewhere.announced(tmp_path, 3) as may_run:
        assert may_run
        assert (tmp_path / PROCESSES / "3").exists()
        os.kill(os.getpid(), signal.SIGINT)  # of a terminal: for the process of the sweep
        reached.append("after Ctrl-C")
        os.kill(os.getpid(), signal.SIGTERM)
        reached.append("after SIGTERM")
    assert reached == ["after Ctrl-C"]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert not (tmp_path / PROCESSES / "3").exists()


def test_a_job_whose_cluster_takes_it_back_for_good_was_stopped_and_has_not_failed(tmp_path):
    class UncompletedJobError(RuntimeError):
        pass

    def submitit_calls(signum, frame):
        raise UncompletedJobError("Job not requeued because: timed-out too many times.")

    before = signal.signal(signal.SIGUSR2, submitit_calls)
    ended_by = []
    try:
        with elsewhere.announced(tmp_path, 3):
            try:
                signal.raise_signal(signal.SIGUSR2)
            except BaseException as error:
                ended_by.append(type(error))
                raise
        assert signal.getsignal(signal.SIGUSR2) is submitit_calls
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert ended_by == [Interrupted]


def test_that_a_process_is_gone_is_known_of_this_machine_alone():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert elsewhere.Process(elsewhere.Process.this().host, ended.pid).is_gone
    assert not elsewhere.Process.this().is_gone
    assert not elsewhere.Process("another-machine", ended.pid).is_gone


def test_a_job_that_begins_after_the_sweep_was_stopped_does_not_run(tmp_path):
    (tmp_path / PROCESSES).mkdir()
    (tmp_path / PROCESSES / elsewhere.STOPPED).touch()
    with elsewhere.announced(tmp_path, 3) as may_run:
        assert not may_run


def test_lines_of_jobs_elsewhere_are_printed_here(tmp_path, capsys):
    with elsewhere.attended(tmp_path):
        for number in range(3):
            elsewhere.say(tmp_path, f"line {number}")
    assert capsys.readouterr().out == "line 0\nline 1\nline 2\n"


def test_a_stopped_sweep_waits_until_its_jobs_have_saved(tmp_path, monkeypatch):
    told = []
    kill = os.kill

    def save_and_end(pid, signum):
        if not signum:
            return kill(pid, 0)
        told.append((pid, signum))
        threading.Timer(0.3, (tmp_path / PROCESSES / "0").unlink).start()

    monkeypatch.setattr(elsewhere.os, "kill", save_and_end)
    begun = time.monotonic()

    def stop_while_a_job_runs():
        with elsewhere.attended(tmp_path):
            process = elsewhere.Process.this()
            (tmp_path / PROCESSES / "0").write_text(f"{process.host} {process.pid}")
            (tmp_path / PROCESSES / "1").write_text("another-machine 1")
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        stop_while_a_job_runs()
    assert stopped.value.signum == signal.SIGINT
    assert told == [(os.getpid(), signal.SIGTERM)]
    assert time.monotonic() - begun >= 0.3


def test_the_config_of_a_cluster_makes_slurms_script(compose_hydra, tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit", reason="pip install hydra-submitit-launcher")
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = ("hydra.launcher.partition=gpu", "hydra.launcher.gpus_per_node=1", "hydra.launcher.timeout_min=90")
    node = compose_hydra("hydra/launcher=slurm", *words).launcher
    assert node._target_.endswith("SlurmLauncher")
    for program in ("srun", "sbatch"):  # stand for the cluster's own
        (tmp_path / "bin").mkdir(exist_ok=True)
        file = tmp_path / "bin" / program
        file.write_text("#!/bin/sh\necho Submitted batch job 7\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    launched = []

    class Job:
        def results(self):
            return ["done"]

    def map_array(executor, function, *arguments):
        executor.folder.mkdir(parents=True, exist_ok=True)
        launched.append(executor._executor._make_submission_file_text("python job", "id"))
        return [Job()]

    monkeypatch.setattr(submitit.AutoExecutor, "map_array", map_array)
    monkeypatch.setattr(submitit.AutoExecutor, "folder", tmp_path / "submitit", raising=False)
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    options = OmegaConf.create(OmegaConf.to_container(node) | {"submitit_folder": str(tmp_path), "name": "train"})
    launcher = instantiate(options)
    launcher.setup(
        hydra_context=None,
        task_function=None,
        config=OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}),
    )
    launcher.launch([["seed=0"]], initial_job_idx=0)
    [script] = launched
    for line in ("--partition=gpu", "--cpus-per-task=4", "--gpus-per-node=1", "--time=90", "--mem=8GB"):
        assert f"#SBATCH {line}\n" in script


def test_a_signal_that_a_library_took_for_an_error_of_its_own_is_a_signal_still(tmp_path):
    def stop_inside_of_a_library():
        with elsewhere.attended(tmp_path):
            try:
                signal.raise_signal(signal.SIGTERM)
            except Interrupted as error:
                raise SystemError("returned a result with an exception set") from error

    with pytest.raises(Interrupted):
        stop_inside_of_a_library()


def test_signals_to_a_group_of_processes_and_to_each_of_them_are_one_request(tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere, "_wait_for", lambda *_: signal.raise_signal(signal.SIGTERM))

    def stop():
        with elsewhere.attended(tmp_path):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        stop()
    assert stopped.value.signum == signal.SIGINT  # it went on to the end, unmoved by the second
    monkeypatch.setattr("groundup.signals.ECHO", 0)
    with pytest.raises(Interrupted) as stopped:
        stop()
    assert stopped.value.signum == signal.SIGTERM


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs=0: accepted: 1 or more, or -1"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=two"], "hydra.launcher.n_jobs=two: Value 'two' of type"),
        (["hydra/launcher=stacked", "hydra.launcher.max_members=0"], "max_members=0: must be a whole number greater"),
        (["hydra/launcher=stacked", "hydra.launcher.max_members=x"], "max_members=x: must be a whole number greater"),
        (["hydra/launcher=slurm"], "hydra/launcher=slurm: no srun here"),
    ],
)
def test_a_bad_launcher_is_refused_before_the_sweep_begins(sweep, capsys, tmp_path, words, expected):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="pip install 'groundup[sweeps]'")
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    assert sweep("seed=0,1", *words) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
