"""How runs that take no time behave, and what is read of their sweep."""

from __future__ import annotations

import json
import signal

from job_dirs import job_dir, number_in

from groundup.errors import Interrupted, RunFailed

LRS = ("optimizer.lr=0.1,0.2", "seed=0,1")


def results(tmp_path, number):
    return json.loads((job_dir(tmp_path / "s", number) / "results.json").read_text())


def table(tmp_path):
    return json.loads((tmp_path / "s" / "sweep.json").read_text())


def statuses(tmp_path):
    return [job["status"] for job in table(tmp_path)["jobs"]]


def fail_at(number, reason="the loss became nan"):
    def behave(config, run_dir):
        if number_in(run_dir) == number:
            raise RunFailed(reason)

    return behave


def stop_at(number, checkpoint=True):
    def behave(config, run_dir):
        if number_in(run_dir) != number:
            return
        if checkpoint:
            (run_dir / "checkpoints").mkdir(exist_ok=True)
            (run_dir / "checkpoints" / "last.ckpt").touch()
        raise Interrupted(signal.SIGINT)

    return behave
