"""Jobs in other processes than the sweep's: how they are stopped, and what they say; without other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from groundup.errors import Interrupted
from groundup.rundir.names import PROCESSES
from groundup.sweep import job_processes


def test_a_job_that_is_told_to_stop_ends_without_an_exception_and_signals_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    reached = []
    with job_processes.announced(tmp_path, 3) as may_run:
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
        with job_processes.announced(tmp_path, 3):
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
    assert job_processes.Process(job_processes.Process.this().host, ended.pid).is_gone
    assert not job_processes.Process.this().is_gone
    assert not job_processes.Process("another-machine", ended.pid).is_gone


def test_a_job_that_begins_after_the_sweep_was_stopped_does_not_run(tmp_path):
    (tmp_path / PROCESSES).mkdir()
    (tmp_path / PROCESSES / job_processes.STOPPED).touch()
    with job_processes.announced(tmp_path, 3) as may_run:
        assert not may_run


def test_lines_of_jobs_elsewhere_are_printed_here(tmp_path, capsys):
    with job_processes.attended(tmp_path):
        for number in range(3):
            job_processes.say(tmp_path, f"line {number}")
    assert capsys.readouterr().out == "line 0\nline 1\nline 2\n"


def test_a_stopped_sweep_waits_until_its_jobs_have_saved(tmp_path, monkeypatch):
    told = []
    kill = os.kill

    def save_and_end(pid, signum):
        if not signum:
            return kill(pid, 0)
        told.append((pid, signum))
        threading.Timer(0.3, (tmp_path / PROCESSES / "0").unlink).start()

    monkeypatch.setattr(job_processes.os, "kill", save_and_end)
    begun = time.monotonic()

    def stop_while_a_job_runs():
        with job_processes.attended(tmp_path):
            process = job_processes.Process.this()
            (tmp_path / PROCESSES / "0").write_text(f"{process.host} {process.pid}")
            (tmp_path / PROCESSES / "1").write_text("another-machine 1")
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        stop_while_a_job_runs()
    assert stopped.value.signum == signal.SIGINT
    assert told == [(os.getpid(), signal.SIGTERM)]
    assert time.monotonic() - begun >= 0.3


def test_a_signal_that_a_library_took_for_an_error_of_its_own_is_a_signal_still(tmp_path):
    def stop_inside_of_a_library():
        with job_processes.attended(tmp_path):
            try:
                signal.raise_signal(signal.SIGTERM)
            except Interrupted as error:
                raise SystemError("returned a result with an exception set") from error

    with pytest.raises(Interrupted):
        stop_inside_of_a_library()


def test_signals_to_a_group_of_processes_and_to_each_of_them_are_one_request(tmp_path, monkeypatch):
    monkeypatch.setattr(job_processes, "_wait_for", lambda *_: signal.raise_signal(signal.SIGTERM))

    def stop():
        with job_processes.attended(tmp_path):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        stop()
    assert stopped.value.signum == signal.SIGINT  # it went on to the end, unmoved by the second
    monkeypatch.setattr("groundup.signals.ECHO", 0)
    with pytest.raises(Interrupted) as stopped:
        stop()
    assert stopped.value.signum == signal.SIGTERM
