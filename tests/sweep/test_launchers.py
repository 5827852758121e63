"""What launchers are given."""

from __future__ import annotations

import os

import pytest

from groundup.rundir.jobs import FrozenJob
from groundup.sweep import launchers

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
