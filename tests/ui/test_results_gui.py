"""The results panel in the app, used by a real browser: looking, comparing, lowering, deleting, bringing back."""

import re
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.analysis.study import BlockStudy
from tests.ui.running_app import (  # the app and a page of it
    MARKS,
    Page,
    app,
    browser,
    data,
    expect,
    page,
    playwright,
)
from tests.ui.stored_runs import Bars, analysed

__all__ = ["app", "browser", "data", "page"]
pytestmark = MARKS
HOSTILE = '<img src=x onerror=alert("1")>'
Locator = playwright.Locator


def stored(data: Path, name: str, lora: str, drawer: Bars | None = None, **study: Any) -> None:
    """Put an analysis into the app's folder."""
    prompt = f"{study.pop('words', '')}<lora:{lora}:1>"
    made = BlockStudy(prompt, **{"blocks": "IN04,MID,OUT05", "seeds": (1,), **study})
    analysed(data / "lora-block-weight" / "analysis", name, lora, made, drawer)


@pytest.fixture(scope="module", autouse=True)
def kept(data: Path) -> None:
    """Three analyses; the newest has three seeds and a prompt that is no friend."""
    stored(data, "20260101-100000-karaokeroom", "karaokeroom")
    stored(data, "20260102-100000-inkstyle", "inkstyle", Bars(most=4))
    stored(data, "20260103-100000-inkstyle", "inkstyle", seeds=(1, 2), words=HOSTILE)


@pytest.fixture
def panel(page: Page) -> "Locator":
    page.get_by_role("tab", name="Analyze", exact=True).click()
    expect(page.locator(".lbw-stage img").first).to_have_attribute("src", re.compile("^data:image/"))
    return page.locator('[data-lbw="results"]')


def open_run(panel: "Locator", at: int) -> None:
    if panel.locator("details.lbw-history[open]").count() == 0:
        panel.locator(".lbw-history > summary").click()
    panel.locator(".lbw-run").nth(at).click()
    expect(panel.locator(".lbw-run").nth(at)).to_have_attribute("aria-current", "true")


def chosen(panel: "Locator", block: str) -> None:
    expect(panel.locator(".lbw-compare h4")).to_have_text(block)
    expect(panel.locator(f"[data-block={block}]")).to_have_attribute("aria-checked", "true")
    expect(panel.locator("tr[aria-current]")).to_contain_text(block)


def test_the_newest_run_is_shown_with_its_spread_and_hostile_words_are_text(panel: "Locator") -> None:
    expect(panel).to_contain_text("2 seeds: numbers are means")
    expect(panel.locator("tbody tr").first.locator("td small").first).to_contain_text("…")
    expect(panel).to_contain_text(HOSTILE)
    expect(panel.locator(".lbw-compare label", has_text="Seed").locator("option")).to_have_count(2)
    assert panel.locator('img[src="x"]').count() == 0


def test_runs_are_grouped_by_lora_and_an_unfinished_one_says_so(panel: "Locator", page: Page) -> None:
    open_run(panel, 1)
    assert panel.locator(".lbw-runs h4").all_inner_texts() == ["inkstyle", "karaokeroom"]
    expect(panel.locator(".lbw-one")).to_contain_text("Unfinished: 4 of 5 pictures are there.")
    expect(panel.locator("tbody tr")).to_have_count(3)
    expect(page.locator("#lbw-analyze-continue")).to_be_visible()
    panel.get_by_role("button", name="OUT05", exact=True).click()
    expect(panel.locator(".lbw-compare")).to_contain_text("Not drawn yet")
    open_run(panel, 2)
    expect(panel.locator(".lbw-one")).to_contain_text("one picture is one opinion")
    expect(page.locator("#lbw-analyze-continue")).to_be_hidden()


def test_a_block_is_chosen_in_the_drawing_and_in_the_list(panel: "Locator") -> None:
    open_run(panel, 2)
    chosen(panel, "OUT05")
    panel.get_by_role("button", name="IN04", exact=True).click()
    chosen(panel, "IN04")
    panel.locator("[data-block=MID]").click()
    chosen(panel, "MID")
    panel.locator("[data-block=MID]").press("ArrowRight")
    chosen(panel, "OUT05")


def test_the_list_is_sorted_by_what_its_heads_say(panel: "Locator") -> None:
    open_run(panel, 2)
    names = panel.locator("tbody th")
    assert names.all_inner_texts() == ["OUT05", "MID", "IN04"]
    sorter = panel.get_by_role("columnheader", name="ΔE", exact=False)
    for way, order in (("descending", ["OUT05", "MID", "IN04"]), ("ascending", ["IN04", "MID", "OUT05"])):
        sorter.get_by_role("button").click()
        expect(sorter).to_have_attribute("aria-sort", way)
        assert names.all_inner_texts() == order


def test_the_line_between_the_pictures_is_dragged_and_moved_with_keys(panel: "Locator", page: Page) -> None:
    open_run(panel, 2)
    handle, stage = panel.get_by_role("slider", name="How much of the left picture"), panel.locator(".lbw-stage")
    expect(handle).to_have_attribute("aria-valuenow", "50")
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "52")
    handle.press("Home")
    expect(handle).to_have_attribute("aria-valuetext", re.compile(r"^all at 1 0 %, OUT05 at 0"))
    place = stage.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 5, place["y"] + 40)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + 40, steps=4)
    page.mouse.up()
    expect(handle).to_have_attribute("aria-valuenow", re.compile(r"^7[45]$"))
    panel.locator(".lbw-compare label", has_text="Left").locator("select").select_option(label="no LoRA")
    expect(panel.locator(".lbw-corner-left")).to_have_text("no LoRA")
    panel.get_by_role("button", name="Larger").click()
    larger = stage.bounding_box()
    assert larger is not None
    assert larger["width"] > place["width"]


def test_lowered_blocks_become_a_preset_that_can_be_taken_back(panel: "Locator", page: Page, data: Path) -> None:
    open_run(panel, 2)
    panel.get_by_role("checkbox", name="Lower MID").check()
    panel.get_by_role("button", name="Lower OUT05", exact=True).click()
    panel.locator(".lbw-weight input").fill("0.25")
    text = panel.locator(".lbw-recipe")
    expect(text).to_have_text(re.compile(r"^lbw=1,.*0\.25,.*0\.25,1"))
    weights = text.inner_text().removeprefix("lbw=")
    panel.get_by_label("Name of the preset").fill("softer room")
    panel.get_by_role("button", name="Save as a preset").click()
    expect(panel.locator(".lbw-lower")).to_contain_text("Saved as softer room")
    kept = data / "lora-block-weight" / "presets" / "presets.txt"
    assert f"softer room:{weights}" in kept.read_text(encoding="utf-8")
    panel.get_by_role("button", name="Undo").click()
    expect(panel.locator(".lbw-lower")).to_contain_text("softer room is not kept")
    assert "softer room" not in kept.read_text(encoding="utf-8")


def test_weights_go_into_the_prompt_and_to_the_merge(panel: "Locator", page: Page) -> None:
    prompt = page.locator("#lbw-prompt textarea")
    prompt.fill("a 😀 <lora:inkstyle:0.5> girl <lora:karaokeroom:0.8:lbw=OUTALL>")
    open_run(panel, 2)
    panel.get_by_role("checkbox", name="Lower MID").check()
    panel.get_by_role("button", name="Use in the prompt").click()
    expect(prompt).to_have_value(
        re.compile(r"^a 😀 <lora:inkstyle:0.5> girl <lora:karaokeroom:0\.8:lbw=1,[^:]*0\.5,[^:]*>$")
    )
    panel.get_by_role("button", name="Send to merge").click()
    expect(panel.locator(".lbw-lower")).to_contain_text("first row of the merge panel")
    page.get_by_role("tab", name="Merge", exact=True).click()
    row = page.locator(".lbw-merge-row").first
    expect(row.get_by_label("File")).to_have_value("karaokeroom")
    expect(row.get_by_label("Block weights", exact=True)).to_have_value(re.compile(r"0\.5"))


def test_a_preset_kept_from_here_can_be_undone_in_the_editor(panel: "Locator", page: Page) -> None:
    page.get_by_role("tab", name="Presets", exact=True).click()
    expect(page.locator('[data-lbw="presets"] [data-block=MID]')).to_be_visible()
    page.get_by_role("tab", name="Analyze", exact=True).click()
    panel.get_by_role("checkbox", name="Lower MID").check()
    panel.get_by_label("Name of the preset").fill("for the editor")
    panel.get_by_role("button", name="Save as a preset").click()
    expect(panel.locator(".lbw-lower")).to_contain_text("Saved as for the editor")
    page.get_by_role("tab", name="Presets", exact=True).click()
    editor = page.locator('[data-lbw="presets"]')
    expect(editor.locator(".lbw-item", has_text="for the editor")).to_be_visible()
    editor.get_by_role("button", name="Undo", exact=True).click()
    expect(editor.locator(".lbw-item", has_text="for the editor")).to_have_count(0)


def test_a_run_is_deleted_and_brought_back(panel: "Locator", data: Path) -> None:
    folder = data / "lora-block-weight" / "analysis" / "20260101-100000-karaokeroom"
    open_run(panel, 2)
    panel.get_by_role("button", name="Delete the analysis of").nth(2).click()
    expect(panel.locator(".lbw-run")).to_have_count(2)
    assert not folder.exists()
    panel.get_by_role("button", name="Undo", exact=True).click()
    expect(panel.locator(".lbw-run")).to_have_count(3)
    expect(panel.locator(".lbw-one h3")).to_contain_text("karaokeroom")
    assert (folder / "results.json").is_file()


def test_a_row_of_several_blocks_lowers_them_all(panel: "Locator", page: Page, data: Path) -> None:
    stored(data, "20260104-100000-inkstyle", "inkstyle", blocks="IN04-IN06,OUT03 OUT05,MID,OUT04.attn2,IN05")
    page.evaluate("document.dispatchEvent(new CustomEvent('lbw-run', { detail: '20260104-100000-inkstyle' }))")
    box = panel.get_by_role("checkbox", name="Lower IN04-IN06")
    box.check()
    chips = panel.locator(".lbw-lower .lbw-chip")
    assert [each.removesuffix(" ×") for each in chips.all_inner_texts()] == ["IN04", "IN05", "IN06"]
    expect(panel.get_by_role("checkbox", name="Lower IN05")).to_be_checked()
    expect(panel.get_by_role("checkbox", name="Lower OUT04.attn2")).to_be_disabled()
    expect(panel.locator(".lbw-recipe")).to_have_text(re.compile(r"^lbw=1,1,1,1,1,0\.5,0\.5,0\.5,1"))
    chips.filter(has_text="IN05").click()
    expect(box).not_to_be_checked()
    assert box.evaluate("box => box.indeterminate")
    panel.get_by_role("button", name="OUT03 OUT05", exact=True).click()
    panel.get_by_role("button", name="Lower OUT03 OUT05", exact=True).click()
    expect(panel.locator("[data-block=OUT03]")).to_have_class(re.compile("lbw-lowered"))
    assert panel.locator("[data-block].lbw-picked").count() == 2
    panel.get_by_role("button", name="Save as a preset").click()
    expect(panel.locator(".lbw-lower")).to_contain_text("Saved as inkstyle IN04 IN06 OUT03 OUT05 lowered")
    open_run(panel, 0)
    panel.get_by_role("button", name="Delete the analysis of").first.click()
    expect(panel.locator(".lbw-run")).to_have_count(3)
