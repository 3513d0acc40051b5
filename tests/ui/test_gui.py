"""The app as a user meets it: the command line starts it on the embedded model, a real browser uses it."""

import re
from pathlib import Path

from tests.ui.running_app import MARKS, Page, app, browser, data, expect, page, playwright, set_steps

__all__ = ["app", "browser", "data", "page"]
pytestmark = MARKS


def open_analysis(page: Page, blocks: str) -> None:
    set_steps(page, 4)
    page.get_by_role("tab", name="Analyze", exact=True).click()
    page.locator("#lbw-blocks").get_by_label("Blocks").fill(blocks)


def block(page: Page, name: str) -> "playwright.Locator":
    return page.locator(f"#lbw-diagram [data-block={name}] .lbw-number")


def test_a_newcomer_presses_generate_and_sees_both_pictures(page: Page) -> None:
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(re.compile(r"<lora:\w+:1:lbw="))
    set_steps(page, 4)
    page.get_by_role("button", name="Generate", exact=True).click()
    for picture in ("#lbw-plain", "#lbw-weighted"):
        expect(page.locator(picture).locator("img")).to_be_visible()
    expect(page.locator("#lbw-parameters textarea")).to_have_value(re.compile("Steps: 4"))


def test_the_diagram_and_the_faults_follow_the_typing(page: Page) -> None:
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a girl <lora:inkstyle:1:lbw=0,OUT05@1.5>")
    expect(block(page, "OUT05")).to_have_text("1.5")
    expect(block(page, "IN04")).to_have_text("0")
    prompt.fill("a girl <lora:inkstyle:1:lbw=OUTALLL>")
    expect(page.locator("#lbw-messages mark")).to_have_text("OUTALLL")
    expect(page.locator("#lbw-messages")).to_contain_text("OUTALL?")
    prompt.fill("<lora:<img src=x onerror=alert(1)>:1> <lora:inkstyle:1:lbw=${alert(1)}>{{alert(1)}}")
    expect(page.locator("#lbw-messages .lbw-error")).not_to_have_count(0)
    expect(page.locator("#lbw-messages img")).to_have_count(0)


def test_a_preset_from_the_list_goes_into_the_prompt(page: Page) -> None:
    page.locator("#lbw-preset input").click()
    page.get_by_role("option", name="NONE", exact=True).click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(re.compile("lbw=NONE>"))
    expect(block(page, "OUT05")).to_have_text("0")


def test_three_blocks_are_analysed_and_the_results_can_be_looked_at(page: Page, data: Path) -> None:
    open_analysis(page, "IN04,MID,OUT05")
    expect(page.locator("#lbw-plan")).to_contain_text("5 pictures of 64 × 64, 4 steps each")
    page.locator("#lbw-analyze").click()
    panel, results = page.locator(".lbw-one"), page.locator("#lbw-results")
    for name in ("IN04", "MID", "OUT05"):
        expect(panel.locator(f"[data-block={name}][role=radio] .lbw-number")).not_to_have_text("–")
        expect(panel.get_by_role("rowheader", name=name, exact=True)).to_be_visible()
    expect(results.locator("#lbw-grid img")).to_be_visible()
    results.get_by_role("tab", name="Files").click()
    expect(page.locator("#lbw-files")).to_contain_text("report")
    assert len(list(data.glob("**/analysis/*-inkstyle/report.html"))) == 1


def test_a_run_can_be_cancelled_and_continued(page: Page) -> None:
    open_analysis(page, "ALL")
    page.locator("#lbw-analyze").click()
    expect(page.locator("#lbw-analyze-status")).to_contain_text("left")
    page.locator("#lbw-analyze-stop").click()
    expect(page.locator(".lbw-one")).to_contain_text("Unfinished")
    page.locator("#lbw-analyze-continue").click()
    expect(page.locator(".lbw-one")).not_to_contain_text("Unfinished")
    expect(page.locator("#lbw-analyze-continue")).to_be_hidden()


def test_a_fault_in_the_form_is_told_and_draws_nothing(page: Page) -> None:
    open_analysis(page, "IN99")
    expect(page.locator("#lbw-plan")).to_contain_text("IN99")
    page.locator("#lbw-analyze").click()
    expect(page.locator("#lbw-analyze-status .lbw-error")).to_contain_text("IN99")
    expect(page.locator("#lbw-analyze")).to_be_enabled()


def test_the_page_changes_language(page: Page) -> None:
    page.get_by_text("日本語").click()
    expect(page.get_by_role("button", name="生成", exact=True)).to_be_visible()
    expect(page.locator("#lbw-diagram")).to_contain_text("この LoRA にない")
    page.get_by_text("English").click()
    expect(page.get_by_role("button", name="Generate", exact=True)).to_be_visible()


def test_an_xyz_plot_is_drawn_and_its_small_pictures_are_sharp(page: Page) -> None:
    open_analysis(page, "no block")
    page.get_by_text("X/Y/Z plot").click()
    expect(page.locator("#lbw-blocks")).to_be_hidden()
    page.locator("#lbw-axis-x input").click()
    page.get_by_role("option", name="presets", exact=True).click()
    values = page.get_by_label("X values")
    expect(values).to_have_attribute("placeholder", "INALL,MIDD,OUTALL")
    values.fill("INALL,OUTALL")
    expect(page.locator("#lbw-plan")).to_contain_text("4 pictures of")
    page.locator("#lbw-analyze").click()
    expect(page.locator("#lbw-results")).to_be_visible()
    panel = page.locator(".lbw-one")
    expect(panel.get_by_role("radiogroup")).to_have_count(0)
    expect(panel.locator("tbody tr")).to_have_count(2)
    picture = panel.locator(".lbw-stage img").first
    expect(picture).to_have_class(re.compile("lbw-pixels"))
    assert picture.evaluate("each => getComputedStyle(each).imageRendering") == "pixelated"
    assert picture.evaluate("each => each.naturalWidth") == 64
