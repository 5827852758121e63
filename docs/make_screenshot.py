"""Draws docs/images/tensorboard.png: TensorBoard in a headless Chromium, on a sweep's directory.

python train.py -m model=mlp,lenet optimizer.lr=0.1,0.01 seed=0,1,2 data=mnist trainer.max_epochs=5
pip install -e ".[dev]" && python docs/make_screenshot.py outputs/sweeps/DIR

`--view` draws another tab, `--dark` as it is at night, or the page of `python report.py outputs/sweeps/DIR`, which has
to be there. Needs Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from groundup.config.extras import exit_without
from groundup.rundir.folders import job_folders

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ModuleNotFoundError as error:
    exit_without(error, "dev")

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZE = (1560, 1030)  # the window
PAGE = (1000, 1030)  # of a report
RUN = "defaultExperimentId/{run}"  # TensorBoard's name for a run of its one log directory


@contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """A TensorBoard server on a free port of this machine, ready to answer: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: server.poll() is None and _answer(f"{address}/data/runs"), "TensorBoard")
        yield address
    finally:
        server.terminate()
        server.wait()


def _answer(address: str) -> Any:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None


@contextmanager
def chromium(width: int = 1400, height: int = 1000, scale: int = 1) -> Iterator[webdriver.Chrome]:
    """A browser without a window; `scale` is pixels of the screen for one of the page."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory() as profile:
        own = (f"--window-size={width},{height}", f"--force-device-scale-factor={scale}", f"--user-data-dir={profile}")
        for flag in (*FLAGS, *own):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield browser
        finally:
            browser.quit()


def elements(browser: webdriver.Chrome, selector: str) -> list[Any]:
    """All elements that match, also inside the shadow roots that TensorBoard is built of."""
    return browser.execute_script(
        """
        const found = [];
        function search(root, selector) {
          for (const element of root.querySelectorAll("*")) {
            if (element.matches(selector)) found.push(element);
            if (element.shadowRoot) search(element.shadowRoot, selector);
          }
        }
        search(document, arguments[0]);
        return found;
        """,
        selector,
    )


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.2)
    return found


def loaded_images(browser: webdriver.Chrome) -> list[Any]:
    """The pictures of the runs that are shown, not the page's own."""
    ready = "return arguments[0].complete && arguments[0].naturalWidth > 64"
    return [image for image in elements(browser, "img") if browser.execute_script(ready, image)]


def widen_runs(browser: webdriver.Chrome, percent: int) -> None:
    """Makes the list of runs so much of the page."""
    [handle] = elements(browser, ".resizer")
    browser.execute_script(f"arguments[0].previousElementSibling.style.width = '{percent}%'", handle)


def hide_tables(browser: webdriver.Chrome) -> None:
    """Leaves the curves of a card without the table below them."""
    for box in elements(browser, "mat-checkbox"):
        if "data table" in _text(browser, box):
            box.find_element("css selector", "input").click()


def _text(browser: webdriver.Chrome, element: Any) -> str:
    return browser.execute_script("return arguments[0].textContent", element).strip()


def pinned(run: str, filters: str = "") -> str:
    """The page with some cards on top: curves of all runs, pictures of one, of which `filters` is a tag."""
    curves = [{"plugin": "scalars", "tag": tag} for tag in ("val/acc", "mean/val/acc", "train/loss_smooth")]
    pictures = [
        {"plugin": "images", "tag": tag, "runId": RUN.format(run=run), "sample": 0}
        for tag in ("confusion/test_images", filters or "per_class/test", "mistakes/test")
    ]
    query = {"pinnedCards": json.dumps([*curves, *pictures]), "smoothing": 0}
    return f"/?{urllib.parse.urlencode(query)}#timeseries"


def filters_of(address: str, run: str) -> str:
    """The tag of a run's filters; nothing where it has none."""
    tags = wait_for(lambda: _answer(f"{address}/data/plugin/images/tags"), "the tags")
    return next((tag for tag in sorted(tags.get(run, ())) if tag.startswith("filters/")), "")


def draw_time_series(browser: webdriver.Chrome, address: str, run: str) -> None:
    """Curves of all runs above pictures of one."""
    browser.get(address + pinned(run, filters_of(address, run)))
    wait_for(lambda: len(loaded_images(browser)) >= 3, "the pictures")
    widen_runs(browser, 22)
    hide_tables(browser)
    elements(browser, 'button[aria-label="Close side pane"]')[0].click()
    time.sleep(3)  # curves are drawn a little later


def draw_hparams(browser: webdriver.Chrome, address: str, run: str) -> None:
    """A row for each run."""
    browser.get(address + "/#hparams")
    wait_for(lambda: elements(browser, "tf-hparams-table-view"), "the table")
    time.sleep(3)


def draw_custom_scalars(browser: webdriver.Chrome, address: str, run: str) -> None:
    """Means of configurations with their bands, above training and validation on one chart."""
    browser.get(address + "/#custom_scalars")
    wait_for(lambda: elements(browser, "vz-line-chart2, tf-custom-scalar-margin-chart-card"), "the charts")
    time.sleep(5)


def draw_images(browser: webdriver.Chrome, address: str, run: str) -> None:
    """The pictures of a run as large as TensorBoard shows them at first."""
    browser.get(f"{address}/?{urllib.parse.urlencode({'runFilter': f'^{re.escape(run)}$'})}#images")
    wait_for(lambda: len(loaded_images(browser)) >= 3, "the pictures")
    time.sleep(3)


def draw_projector(browser: webdriver.Chrome, address: str, run: str) -> None:
    """Test images where a network has them before its last layer."""
    browser.get(address + "/#projector")
    time.sleep(20)  # it draws into a frame of its own


VIEWS = {
    "tensorboard": draw_time_series,
    "hparams": draw_hparams,
    "custom_scalars": draw_custom_scalars,
    "images": draw_images,
    "projector": draw_projector,
}
DARK = "localStorage.setItem('_tb_global_settings', JSON.stringify({theme: 'dark'}))"
REPORT = "report"  # a file: no server is needed


def last_job(sweep: Path) -> str:
    """The name of its run; nothing of what is no sweep."""
    return max(job_folders(sweep), default=(0, ""))[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logdir", type=Path, help="a sweep's directory")
    parser.add_argument("--view", choices=[*VIEWS, REPORT], default="tensorboard", help="what is drawn")
    parser.add_argument("--run", help="whose pictures are shown; otherwise those of the last job's")
    parser.add_argument("--dark", action="store_true", help="as TensorBoard is at night")
    parser.add_argument("--out", type=Path, help="the file; otherwise docs/images/VIEW.png")
    arguments = parser.parse_args()
    out = arguments.out or Path(__file__).parent / "images" / f"{arguments.view}.png"
    with chromium(*(PAGE if arguments.view == REPORT else SIZE), scale=2) as browser:
        if arguments.view == REPORT:
            browser.get((arguments.logdir.resolve() / "report" / "report.html").as_uri())
            time.sleep(2)
            browser.save_screenshot(str(out))
        else:
            with tensorboard(arguments.logdir) as address:
                if arguments.dark:
                    browser.get(address)
                    browser.execute_script(DARK)
                    browser.get("about:blank")  # so that the page is read anew
                VIEWS[arguments.view](browser, address, arguments.run or last_job(arguments.logdir))
                browser.save_screenshot(str(out))
    large = Image.open(out).convert("RGB")
    half = large.resize((large.width // 2, large.height // 2), Image.Resampling.LANCZOS)
    half.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
