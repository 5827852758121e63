"""TensorBoard itself on runs of a sweep: what its server answers, and what a browser shows."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import shutil
import signal
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from launch import PROJECT, train_here
from lightning.pytorch import Callback
from PIL import Image

from groundup.errors import Interrupted
from groundup.pictures.confusion import draw_confusion

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[dev]'")
spec = importlib.util.spec_from_file_location("make_screenshot", PROJECT / "docs" / "make_screenshot.py")
screenshot = importlib.util.module_from_spec(spec)
spec.loader.exec_module(screenshot)

pytestmark = pytest.mark.slow
RATES = {"0": 0.1, "1": 0.01, "2": 0.001}
STOPPED = "3"
WAITED = 20  # seconds


class SignalAt(Callback):
    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 30:
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """The directory of a sweep of three runs, and of one that was stopped and went on."""
    from groundup.run.run import run

    folder = tmp_path_factory.mktemp("sweep")
    for name, rate in RATES.items():
        train_here(folder / name, f"optimizer.lr={rate}", "callbacks=everything", "trainer.log_every_n_steps=5")
    stopper = f"+callbacks.stopper={{_target_: {__name__}.SignalAt}}"
    with pytest.raises(Interrupted):
        train_here(folder / STOPPED, stopper, "trainer.log_every_n_steps=5")
    import yaml

    config = yaml.safe_load((folder / STOPPED / "config.yaml").read_text())
    del config["callbacks"]["stopper"]
    time.sleep(1)  # event files are told apart by the second; those of one are read 10 before 9
    run(config, folder / STOPPED, resume=folder / STOPPED / "checkpoints" / "last.ckpt")
    return folder


@pytest.fixture(scope="module")
def server(runs):
    with screenshot.tensorboard(runs) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium or chromedriver is not there: apt-get install chromium chromium-driver")
    with screenshot.chromium() as started:
        yield started


def ask(server, path, body=None, **query):
    data = None if body is None else json.dumps(body).encode()
    address = f"{server}/data/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request, timeout=WAITED) as answer:
        content = answer.read()
    return json.loads(content) if answer.headers["Content-Type"].startswith("application/json") else content


def results(runs, name):
    return json.loads((runs / name / "results.json").read_text())


def test_the_server_knows_every_run_and_its_curves(runs, server):
    screenshot.wait_for(lambda: len(ask(server, "plugin/scalars/tags")) == 4, "all runs")
    assert set(ask(server, "runs")) == {*RATES, STOPPED}
    for name in RATES:
        rows = list(csv.DictReader((runs / name / "metrics.csv").open()))
        shown = ask(server, "plugin/scalars/scalars", run=name, tag="val/acc")
        assert [value for _, _, value in shown] == pytest.approx([float(row["val/acc"]) for row in rows])


def test_the_server_shows_each_step_of_a_run_that_went_on_once(server):
    for tag in ("train/loss_step", "train/loss_smooth", "val/acc"):
        steps = [step for _, step, _ in ask(server, "plugin/scalars/scalars", run=STOPPED, tag=tag)]
        assert steps == sorted(set(steps)), tag
        assert max(steps) >= 41


def test_the_server_has_a_row_in_hparams_for_each_run_with_its_figures(runs, server):
    columns = [{"metric": {"tag": "test/acc", "group": ""}}]
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    body = {"experimentName": "", "allowedStatuses": statuses, "colParams": columns, "startIndex": 0, "sliceSize": 100}
    groups = {group["name"]: group for group in ask(server, "plugin/hparams/session_groups", body)["sessionGroups"]}
    assert groups.keys() == {*RATES, STOPPED}
    for name, rate in RATES.items():
        assert groups[name]["hparams"]["optimizer.lr"] == rate
        figures = {value["name"]["tag"]: value["value"] for value in groups[name]["metricValues"]}
        assert figures["test/acc"] == pytest.approx(results(runs, name)["test/acc"])
        assert -1 not in figures.values()


def test_the_server_gives_out_the_pictures_as_they_were_drawn(runs, server):
    expected = {"confusion/test_shares", "per_class/val", "mistakes/test", "filters/features.1", "samples/train"}
    assert expected <= ask(server, "plugin/images/tags")["0"].keys()
    [event] = ask(server, "plugin/images/images", run="0", tag="confusion/test_images", sample=0)
    query = dict(urllib.parse.parse_qsl(event["query"]))
    image = Image.open(io.BytesIO(ask(server, "plugin/images/individualImage", **query)))
    assert image.format == "PNG"
    figures = results(runs, "0")
    title = "test, the chosen checkpoint: images"
    drawn = draw_confusion(np.array(figures["test/confusion"]), list(figures["test/per_class"]), title)
    assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(drawn))


def test_the_server_has_the_other_tabs(server):
    assert "pr_test/all classes" in ask(server, "plugin/pr_curves/tags")["0"]
    assert "weights/head.weight" in ask(server, "plugin/histograms/tags")["0"]
    assert ask(server, "plugin/graphs/info")["0"]["run_graph"]
    assert {"config/text_summary", "model/layers/text_summary"} <= set(ask(server, "plugin/text/tags")["0"])
    [category] = ask(server, "plugin/custom_scalars/layout")["category"]
    assert [chart["title"] for chart in category["chart"]] == ["loss", "accuracy"]
    [found] = [chart["multiline"]["tag"] for chart in category["chart"][:1]]
    matched = ask(server, "plugin/custom_scalars/scalars", run="0", tag=found[1])
    assert list(matched["tag_to_events"]) == ["val/loss"]


def drawn(browser, server, tab, selector, what):
    """Opens a tab, and gives the elements that are there and have a size."""
    browser.get("about:blank")
    browser.get(f"{server}/{tab}")
    return screenshot.wait_for(
        lambda: [found for found in screenshot.elements(browser, selector) if found.size["height"] > 20], what
    )


def test_a_browser_shows_curves(browser, server):
    charts = drawn(browser, server, "#scalars", "vz-line-chart2", "the charts")
    lines = screenshot.wait_for(
        lambda: [line for line in screenshot.elements(browser, "path.line") if "L" in (line.get_attribute("d") or "")],
        "the curves",
    )
    assert charts
    assert lines
    shown = drawn(browser, server, "#custom_scalars", "vz-line-chart2", "training and validation on one chart")
    assert len(shown) == 2


def test_a_browser_shows_the_pictures(browser, server):
    drawn(browser, server, "#images", "tf-image-loader", "the cards")
    screenshot.wait_for(lambda: len(screenshot.loaded_images(browser)) >= 4, "four pictures")
    browser.get("about:blank")
    browser.get(server + screenshot.pinned("1"))
    screenshot.wait_for(lambda: len(screenshot.loaded_images(browser)) >= 3, "the pinned pictures")


def test_a_browser_shows_a_row_of_hparams_for_each_run(browser, runs, server):
    drawn(browser, server, "#hparams", "tf-hparams-table-view", "the table")

    def words():
        cells = screenshot.elements(browser, "vaadin-grid-cell-content")
        return {browser.execute_script("return arguments[0].textContent", cell).strip() for cell in cells}

    screenshot.wait_for(lambda: {*RATES, STOPPED} <= words(), "the rows")
    figures = {f"{results(runs, name)['test/acc']:.5g}" for name in RATES}
    assert figures <= words()
    assert "-1" not in words()


def test_the_screenshot_of_the_readme_is_made_by_its_script(browser, runs, tmp_path, monkeypatch):
    words = ["make_screenshot.py", str(runs), "--run", "1", "--out", str(tmp_path / "shot.png")]
    monkeypatch.setattr(sys, "argv", words)
    screenshot.main()
    image = Image.open(tmp_path / "shot.png")
    committed = Image.open(PROJECT / "docs" / "images" / "tensorboard.png")
    assert image.size == committed.size
    assert len(image.convert("RGB").getcolors(100_000)) > 30  # not an empty page
