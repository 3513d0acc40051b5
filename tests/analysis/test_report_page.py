"""The report in a real browser."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.report import write_report
from lib_lbw.analysis.run import run_analysis
from lib_lbw.analysis.study import BlockStudy
from lib_lbw.blocks.family import family

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.gui

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")
EVIL = "<img src=x onerror=alert(1)>"


class Steps:
    """Pictures that differ more the later they are asked for."""

    def generate_many(self, requests, on_image, on_step, should_stop):
        for index, request in enumerate(requests):
            values = np.full((48, 64, 3), 40, dtype=np.uint8)
            values[: 4 * index] = 200
            on_image(index, Image.fromarray(values), request.prompt)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    study = BlockStudy(f"{EVIL} <lora:paint:1>", blocks="BASE,IN01,OUT11", picture={EVIL: EVIL})
    return run_analysis(plan(study, Bench(family("sd1"))), Steps(), tmp_path_factory.mktemp("run")).report


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        executable = str(CHROMIUM) if CHROMIUM.is_file() else None
        try:
            chromium = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        except sync_api.Error:
            pytest.skip("no Chromium to be found")
        yield chromium
        chromium.close()


@pytest.fixture(params=[(1280, "en-US"), (390, "ja-JP")], ids=["desktop", "phone"])
def page(request, browser, report):
    width, locale = request.param
    with opened(browser, report, viewport={"width": width, "height": 800}, locale=locale) as page:
        yield page


@contextmanager
def opened(browser, report, **options):
    """The report in a window of its own; whatever it complains of or asks in a dialog is a fault."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text))
    page.on("dialog", lambda dialog: (page.faults.append(dialog.message), dialog.dismiss()))
    page.goto(report.as_uri())
    yield page
    assert page.faults == []
    context.close()


def names(page):
    return page.locator("tbody tr td:first-child").all_inner_texts()[1:]


def test_it_stands_without_scrolling_sideways_and_without_the_network(page):
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    )


def test_what_the_user_wrote_is_shown_as_written(page):
    assert EVIL in page.locator("header .prompt code").inner_text()
    assert page.locator("img[src='x']").count() == 0


def test_hostile_labels_file_names_and_notices_stay_text(browser, tmp_path, monkeypatch):
    made = plan(BlockStudy("<lora:paint:1>", blocks="IN01,OUT11"), Bench(family("sd1")))
    hostile = tuple(replace(cell, labels=(cell.labels[0], EVIL + cell.labels[1], "")) for cell in made.cells)
    results = run_analysis(replace(made, lora=EVIL, cells=hostile, notices=(EVIL,)), Steps(), tmp_path)
    named = tuple(replace(cell, file=f"cells/{EVIL}", diff_file=f"diff/{EVIL}") for cell in results.cells)
    monkeypatch.setattr("lib_lbw.analysis.report._data_uri", lambda path: "data:image/gif;base64,R0lGODlhAQABAAAAACw=")
    with opened(browser, write_report(replace(results, cells=named))) as page:
        assert page.locator("h1").inner_text() == EVIL
        assert page.locator(".warning").inner_text() == EVIL
        assert names(page) == [EVIL + "OUT11", EVIL + "IN01"]
        assert page.locator("img").count() > 3
        assert page.locator("img:not([src^='data:'])").count() == 0


def test_headings_sort_the_table_both_ways(page):
    assert names(page) == ["OUT11", "IN01", "BASE"]
    heading = page.locator("th button", has_text="Diff %")
    heading.click()
    assert names(page) == ["BASE", "IN01", "OUT11"]
    assert page.locator("th[aria-sort=ascending]").count() == 1
    page.locator("th button").first.click()
    assert names(page) == ["BASE", "IN01", "OUT11"]
    page.locator("th button").first.click()
    assert names(page) == ["OUT11", "IN01", "BASE"]


def test_a_row_can_be_looked_at_and_the_slider_uncovers_it(page):
    page.locator("tbody tr", has_text="IN01").click()
    assert "IN01" in page.locator(".look h3").inner_text()
    assert "IN01@0" in page.locator(".look code").inner_text()
    slider = page.locator(".stage input")
    slider.focus()
    slider.press("Home")
    assert page.locator(".stage").evaluate("node => node.style.getPropertyValue('--cut')") == "0%"
    for number in (1, 2, 3):
        page.locator(".look .switch button").nth(number).click()
        assert page.locator(".stage input").count() == 0
        assert page.locator(".stage img").count() == 1


def test_the_language_can_be_changed(page):
    before = page.locator("h2").first.inner_text()
    page.locator(".language").click()
    assert page.locator("h2").first.inner_text() != before
    page.locator(".language").click()
    assert page.locator("h2").first.inner_text() == before


def test_bars_follow_the_number_chosen(page):
    bars = page.locator(".bars .name")
    assert bars.all_inner_texts()[1:] == ["OUT11", "IN01", "BASE"]
    page.locator("section .switch").nth(1).locator("button").nth(1).click()
    assert bars.all_inner_texts()[1:] == ["BASE", "IN01", "OUT11"]
