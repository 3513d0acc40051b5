"""Names, contrast, focus and keys of the panels, asked of the browser: what WCAG 2.2 AA says of text and controls."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.analysis.study import BlockStudy
from tests.ui.running_app import (  # the app
    MARKS,
    PATIENCE,
    Page,
    app,
    browser,
    data,
    expect,
    playwright,
)
from tests.ui.stored_runs import analysed

__all__ = ["app", "browser", "data"]
pytestmark = MARKS
Locator = playwright.Locator

AUDIT = Path(__file__).with_name("accessible.js")


@pytest.fixture(scope="module", autouse=True)
def kept(data: Path) -> None:
    study = BlockStudy("a girl <lora:karaokeroom:1>", blocks="IN04,MID,OUT05", seeds=(1, 2))
    analysed(data / "lora-block-weight" / "analysis", "20260101-100000-karaokeroom", "karaokeroom", study)


@pytest.fixture(params=["light", "dark"])
def page(app: str, browser: Any, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    opened.goto(f"{app}/?__theme={request.param}")
    expect(opened.locator("#lbw-diagram svg")).to_be_visible()
    opened.add_script_tag(path=AUDIT)
    assert bool(opened.locator(".dark").count()) is (request.param == "dark")
    yield opened
    context.close()


def results(page: Page) -> "Locator":
    page.get_by_role("tab", name="Analyze", exact=True).click()
    panel = page.locator('[data-lbw="results"]')
    expect(panel.locator(".lbw-stage img").first).to_have_attribute("src", re.compile("^data:image/"))
    if panel.locator("details.lbw-history[open]").count() == 0:
        panel.locator(".lbw-history > summary").click()
    panel.get_by_role("checkbox", name="Lower MID").check()
    expect(panel.locator(".lbw-recipe")).to_have_text(re.compile("^lbw="))
    return panel


def merge(page: Page) -> "Locator":
    both = "<lora:karaokeroom:0.7:lbw=OUTALL> <lora:inkstyle:0.4:lbw=ALL,MID@-0.5,IN04@1.4>"
    page.locator("#lbw-prompt textarea").fill(both)
    page.get_by_role("tab", name="Merge", exact=True).click()
    panel = page.locator('[data-lbw="merge"]')
    panel.get_by_role("button", name="Take those of the prompt").click()
    for number in (0, 1):
        panel.locator(".lbw-merge-row").nth(number).get_by_role("button", name="Open the bars").click()
        expect(panel.locator(".lbw-merge-row").nth(number).locator("[data-block=OUT05]")).to_be_visible()
    expect(panel.locator(".lbw-aside .lbw-facts")).to_be_visible()
    return panel


def settings(page: Page) -> "Locator":
    page.get_by_role("tab", name="Settings", exact=True).click()
    expect(page.locator(".lbw-settings")).to_be_visible()
    return page.locator('[data-lbw="settings"]')


PANELS = pytest.mark.parametrize("opened", [results, merge, settings], ids=lambda each: each.__name__)


@PANELS
def test_text_stands_out_and_every_control_has_a_name(page: Page, opened: Any) -> None:
    panel = opened(page)
    assert panel.evaluate("panel => audit.faint(panel)") == []
    assert panel.evaluate("panel => audit.nameless(panel)") == []


def test_the_header_and_the_diagram_stand_out(page: Page) -> None:
    for place in ("#lbw-header", "#lbw-diagram"):
        assert page.locator(place).evaluate("place => audit.faint(place)") == []


@PANELS
def test_the_tab_key_meets_every_control_in_their_order_and_each_shows_it(page: Page, opened: Any) -> None:
    panel = opened(page)
    first = panel.locator(page.evaluate("audit.CONTROLS")).locator("visible=true").first
    first.focus()
    page.keyboard.press("Shift")  # a key, so that the browser shows the focus as to one who uses keys
    visited = []
    while (told := panel.evaluate("panel => audit.focused(panel)")) is not None and len(visited) < 300:
        visited.append(told)
        page.keyboard.press("Tab")
    places = [each["at"] for each in visited]
    assert places == list(range(visited[0]["at"], visited[0]["of"]))
    assert places[0] == 0
    assert [each["text"] for each in visited if not each["shown"]] == []


def test_all_that_is_dragged_in_the_results_is_moved_with_keys(page: Page) -> None:
    panel = results(page)
    line = panel.get_by_role("slider", name="How much of the left picture")
    for key, number in (("End", "100"), ("PageDown", "90"), ("ArrowLeft", "88"), ("Home", "0"), ("ArrowUp", "2")):
        line.press(key)
        expect(line).to_have_attribute("aria-valuenow", number)
    weight = panel.get_by_label("Weight of the marked blocks")
    weight.press("ArrowRight")
    expect(panel.locator(".lbw-weight b")).to_have_text("0.55")
    expect(panel.locator(".lbw-recipe")).to_contain_text("0.55")


def test_all_that_is_dragged_in_the_merge_is_moved_with_keys(page: Page) -> None:
    row = merge(page).locator(".lbw-merge-row").first
    text, bar = row.get_by_label("Block weights", exact=True), row.locator("[data-block=OUT05]")
    expect(bar).to_have_attribute("role", "slider")
    for key, number in (("Home", "0"), ("ArrowUp", "0.05"), ("End", "1")):
        bar.press(key)
        expect(bar).to_have_attribute("aria-valuenow", number)
    bar.press("Home")
    expect(text).to_have_value("OUTALL,OUT05@0")
    names = [each.input_value() for each in row.locator("xpath=..").get_by_label("File").all()]
    row.get_by_role("button", name="Move down").press("Enter")
    expect(row.get_by_label("File")).to_have_value(names[1])
