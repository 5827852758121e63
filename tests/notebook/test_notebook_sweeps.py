"""What notebooks read of sweeps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from groundup.notebook.sweeps import Sweep, read_metrics, sweep


def figure(mean, sd, n):
    return {"mean": mean, "sd": sd, "n": n}


@pytest.fixture
def folder(tmp_path):
    """A sweep of two rates and two momenta; nothing of the last has finished, and of the third one seed."""
    rows = [
        ({"optimizer.lr": "0.1", "optimizer.momentum": "0"}, figure(0.9, 0.01, 2)),
        ({"optimizer.lr": "1e-2", "optimizer.momentum": "0"}, figure(0.8, 0.02, 2)),
        ({"optimizer.lr": "0.1", "optimizer.momentum": "0.9"}, figure(0.7, None, 1)),
        ({"optimizer.lr": "1e-2", "optimizer.momentum": "0.9"}, None),
    ]
    typed = [rows[1], rows[3], rows[0], rows[2]]  # 1e-2 stands first on the command line
    jobs = []
    for number, (values, found) in enumerate([row for row in typed for _ in "01"]):
        finished = found is not None and (found["n"] == 2 or number % 2 == 0)
        jobs.append(
            {
                "job": number,
                "values": values | {"seed": str(number % 2)},
                "status": "finished" if finished else "failed",
            }
        )
        (tmp_path / str(number)).mkdir()
        lines = ["epoch,val/acc,val/loss", f"0,0.{number}5,", f"1,0.{number}6,2"]
        (tmp_path / str(number) / "metrics.csv").write_text("\n".join(lines) + "\n")
    configurations = [{"values": values, "val/acc": found} for values, found in rows]
    (tmp_path / "sweep.json").write_text(json.dumps({"configurations": configurations, "jobs": jobs}))
    return tmp_path


def test_a_grid_has_the_order_of_the_command_line_and_gaps_where_nothing_finished(folder):
    grid = Sweep.read(folder).grid("optimizer.momentum", "optimizer.lr")
    assert grid.rows == ["0", "0.9"]
    assert grid.columns == ["1e-2", "0.1"]
    np.testing.assert_array_equal(grid.mean, [[0.8, 0.9], [np.nan, 0.7]])
    np.testing.assert_array_equal(grid.sd, [[0.02, 0.01], [np.nan, np.nan]])


def test_a_figure_is_that_of_the_configuration_with_these_values(folder):
    table = Sweep.read(folder)
    assert table.figure({"optimizer.lr": "0.1", "optimizer.momentum": "0.9"})[::2] == (0.7, 1)
    assert table.figure({"optimizer.lr": "0.3"}).n == 0


def test_curves_are_those_of_the_finished_jobs_with_these_values(folder):
    table = Sweep.read(folder)
    np.testing.assert_array_equal(
        table.curves("val/acc", {"optimizer.lr": "1e-2", "optimizer.momentum": "0"}), [[0.05, 0.06], [0.15, 0.16]]
    )
    assert table.curves("val/acc", {"optimizer.momentum": "0.9"}).shape == (1, 2)


def test_an_empty_cell_of_metrics_is_nan(folder):
    np.testing.assert_array_equal(read_metrics(folder / "0")["val/loss"], [np.nan, 2])


def test_a_sweep_that_cannot_begin_says_why(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(RuntimeError, match="modle=cnn,mlp: there is no key 'modle'"):
        sweep("modle=cnn,mlp", folder=tmp_path / "sweep")
    assert capsys.readouterr().out == "$ OMP_NUM_THREADS=1 python train.py -m modle=cnn,mlp\n"


def edited(place, number, **entries):
    table = json.loads((place / "sweep.json").read_text())
    table["jobs"][number] |= entries
    (place / "sweep.json").write_text(json.dumps(table))
    return Sweep.read(place)


def test_a_row_that_leaves_a_setting_out_has_no_value_of_it(folder):
    first = Sweep.read(folder).jobs[0]["values"]
    table = edited(folder, 0, values={key: value for key, value in first.items() if key != "optimizer.momentum"})
    assert set(table.values("optimizer.momentum")) == {"0", "0.9"}
    with pytest.raises(KeyError, match=r"optimizer\.momemtum"):
        table.values("optimizer.momemtum")


@pytest.mark.parametrize("elsewhere", ["/etc", "../..", "1", 7])
def test_a_table_names_no_folder_but_a_jobs_own(folder, elsewhere):
    table = edited(folder, 0, folder=elsewhere, status="finished")
    with pytest.raises(ValueError, match="which is no name of its own"):
        table.curves("val/acc", {})
