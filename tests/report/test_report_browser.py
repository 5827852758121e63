"""The page in a real browser, from disk: nothing is fetched, all is seen, in light, in dark, narrow and on paper."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import pytest

from groundup.command.place import Place
from groundup.report.command import main

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="no chromium and chromedriver here"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory, make_sweep) -> Path:
    path = tmp_path_factory.mktemp("sweeps") / "sweep"
    make_sweep(path, (0.1, 0.2, 0.3), (0, 1, 2), lambda rate, seed: 0.5 + rate + seed / 100)
    (path / "8" / "results.json").unlink()
    assert main([str(path)], Place.of_script(path / "report.py")) == 0
    return path / "report" / "report.html"


@pytest.fixture(scope="module")
def browser():
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,900"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    yield driver
    driver.quit()


def show(browser, page, scheme="light", width=1100):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())


def requests(browser):
    """What the page asked for, but for itself."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        and not message["params"]["request"]["url"].startswith("data:")
    ]


def test_it_opens_from_disk_and_fetches_nothing(browser, page, tmp_path):
    show(browser, page)
    assert requests(browser) == [page.as_uri()]
    assert browser.get_log("browser") == []
    (tmp_path / "other.html").write_text('<img src="http://127.0.0.1:9/x.png"><script>nonsense(</script>')
    show(browser, tmp_path / "other.html")  # the control
    assert "http://127.0.0.1:9/x.png" in requests(browser)
    assert browser.get_log("browser")


@pytest.mark.parametrize("width", [1100, 390])
def test_all_plots_are_seen_and_the_page_is_no_wider_than_the_window(browser, page, width):
    show(browser, page, width=width)
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(s => [s.getBoundingClientRect().width, "
        "s.getBoundingClientRect().height])"
    )
    assert len(sizes) == 6
    assert all(wide > 300 and high > 90 for wide, high in sizes)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def colours(browser):
    """Of the ground, the words, and the words in a plot: means of red, green and blue."""
    found = browser.execute_script(
        "const of = (s, p) => getComputedStyle(document.querySelector(s))[p];"
        "return [of('body', 'backgroundColor'), of('h1', 'color'), of('figure svg text', 'fill')]"
    )
    return [sum(map(int, re.findall(r"\d+", text)[:3])) / 3 for text in found]


def test_both_colour_schemes(browser, page):
    show(browser, page, "light")
    ground, words, plot = colours(browser)
    assert ground > 240
    assert words < 60
    assert plot < 130
    show(browser, page, "dark")
    ground, words, plot = colours(browser)
    assert ground < 40
    assert words > 200
    assert plot > 130


def test_it_prints_on_pages_of_paper_in_ink_also_from_the_dark(browser, page):
    show(browser, page, "dark")
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    ground, words, _ = colours(browser)
    assert ground == 255
    assert words == 0
