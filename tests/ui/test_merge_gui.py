"""The merge panel and the panel at a tag of the prompt, in the app, used by a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lib_lbw.lora.file import LoraFile
from tests.ui.running_app import (  # the app and a page of it
    MARKS,
    Page,
    app,
    browser,
    data,
    expect,
    page,
    playwright,
    set_steps,
)
from tests.ui_merging.test_merge_answers import uneven_base

__all__ = ["app", "browser", "data", "page"]
pytestmark = MARKS
HOSTILE = '<img src=x onerror=alert("1")>${alert(2)}'
Locator = playwright.Locator

PRESS_STOP = """() => {
    const stop = [...document.querySelectorAll("button")].find((each) => each.textContent === "Stop");
    new MutationObserver((_, observer) => { if (!stop.hidden) { observer.disconnect(); stop.click(); } })
        .observe(stop, { attributes: true });
}"""
"""Press Stop the moment it is there."""


def prompt_of(page: Page) -> "Locator":
    return page.locator("#lbw-prompt textarea")


def row(page: Page, at: int) -> "Locator":
    return page.locator(".lbw-merge-row").nth(at)


def choose(page: Page, at: int, name: str, weights: str = "") -> None:
    row(page, at).get_by_label("File").select_option(name)
    row(page, at).get_by_label("Block weights", exact=True).fill(weights)


def operate(page: Page, name: str) -> None:
    page.locator(".lbw-chips").get_by_role("button", name=name, exact=True).click()


def start(page: Page) -> None:
    button = page.get_by_role("button", name="Start", exact=True)
    expect(button).to_be_enabled()
    button.click()


@pytest.fixture
def panel(page: Page) -> Page:
    page.get_by_role("tab", name="Merge", exact=True).click()
    expect(row(page, 0)).to_be_visible()
    return page


@pytest.fixture
def made(data: Path) -> Callable[[str], LoraFile]:
    return lambda name: LoraFile(next(data.glob(f"**/{name}.safetensors")))


def test_two_loras_of_the_prompt_are_merged_and_the_result_is_drawn_with(
    page: Page, made: Callable[[str], LoraFile]
) -> None:
    prompt_of(page).fill("a 😀 girl <lora:karaokeroom:0.7:0.5:lbw=OUTALL> at night <lora:inkstyle:-0.4>")
    page.get_by_role("tab", name="Merge", exact=True).click()
    page.get_by_role("button", name="Take those of the prompt").click()
    expect(row(page, 0).get_by_label("Block weights", exact=True)).to_have_value("OUTALL")
    expect(row(page, 1).get_by_label("Ratio")).to_have_value("-0.4")
    expect(page.locator(".lbw-facts").first).to_contain_text("Stable Diffusion 1.x")
    page.get_by_label("Name of the result").fill("room and ink")
    start(page)
    outcome = page.locator(".lbw-outcome")
    expect(outcome).to_contain_text("room and ink is written")
    expect(outcome).to_contain_text("Every block keeps all of its energy.")
    assert {"karaokeroom", "inkstyle"} <= {
        part.strip() for part in re.split(r"[ ,:]", str(made("room and ink").metadata))
    }
    outcome.get_by_role("button", name="Use in the prompt").click()
    expect(prompt_of(page)).to_have_value("a 😀 girl at night <lora:room and ink:1>")
    page.get_by_role("tab", name="Generate", exact=True).click()
    set_steps(page, 2)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#lbw-parameters textarea")).to_have_value(re.compile("lora:room and ink:1"))


def test_the_strip_opens_bars_that_write_the_weights(panel: Page) -> None:
    choose(panel, 0, "inkstyle", "OUTALL")
    row(panel, 0).get_by_role("button", name="Open the bars").click()
    bar = row(panel, 0).locator("[data-block=OUT05]")
    expect(bar).to_have_attribute("aria-valuenow", "1")
    bar.press("Home")
    expect(row(panel, 0).get_by_label("Block weights", exact=True)).to_have_value("OUTALL,OUT05@0")
    choose(panel, 0, "inkstyle", "OUTAL")
    expect(row(panel, 0).locator(".lbw-fault")).to_contain_text("did you mean OUTALL?")
    expect(panel.get_by_role("button", name="Start", exact=True)).to_be_disabled()


def test_bake_slider_and_resize_write_files_and_their_recipe_comes_back(
    panel: Page, made: Callable[[str], LoraFile]
) -> None:
    operate(panel, "Bake")
    choose(panel, 0, "inkstyle", "OUTALL,MID@0.5")
    panel.get_by_label("Name of the result").fill("baked")
    start(panel)
    expect(panel.locator(".lbw-outcome h3")).to_have_text("baked is written")
    operate(panel, "Slider")
    choose(panel, 1, "karaokeroom")
    panel.get_by_label("Name of the result").fill("slid")
    start(panel)
    expect(panel.locator(".lbw-outcome h3")).to_have_text("slid is written")
    operate(panel, "Resize")
    panel.get_by_label("Size of the result").select_option("sv_ratio")
    panel.get_by_label("Greatest to least").fill("4")
    panel.get_by_label("Name of the result").fill("small")
    start(panel)
    expect(panel.locator(".lbw-outcome h3")).to_have_text("small is written")
    expect(panel.locator(".lbw-kept")).to_contain_text("%")
    assert "MID" in made("baked").present()
    assert "IN05" not in {block for block in made("baked").present() if block.startswith("IN0")}
    assert made("small").header.size < made("slid").header.size
    panel.get_by_text("Open the recipe of a merged LoRA").click()
    panel.get_by_label("Merged LoRA").select_option("slid")
    expect(panel.locator(".lbw-recipe")).to_contain_text("slider: inkstyle x1")
    panel.get_by_role("button", name="Load into the form").click()
    expect(panel.locator('.lbw-chip[data-name="slider"]')).to_have_attribute("aria-pressed", "true")
    expect(row(panel, 1).get_by_label("File")).to_have_value("karaokeroom")


def test_energies_are_shown_beside_what_chance_gives(panel: Page) -> None:
    choose(panel, 0, "inkstyle")
    choose(panel, 1, "karaokeroom")
    measure = panel.get_by_role("button", name="Measure where they act")
    expect(measure).to_be_enabled()
    measure.click()
    expect(panel.locator(".lbw-table tbody tr", has_text="OUT05")).to_contain_text("±")


def test_a_merge_is_stopped_and_leaves_nothing(panel: Page, data: Path) -> None:
    for at in range(12):
        if at > 1:
            panel.get_by_role("button", name="Add a LoRA").click()
        choose(panel, at, ("inkstyle", "karaokeroom")[at % 2])
    panel.get_by_label("Method").select_option("ties")
    stopped = panel.get_by_text("Stopped; nothing was written")
    for turn in range(8):  # the merge takes a second, and on a busy machine may be done before Stop is heard
        panel.get_by_label("Name of the result").fill(f"never{turn}")
        panel.evaluate(PRESS_STOP)
        start(panel)
        expect(stopped.or_(panel.get_by_text("Every block keeps all"))).to_be_visible()
        if stopped.is_visible():
            break
    expect(stopped).to_be_visible()
    assert not list(data.glob(f"**/never{turn}*"))


def test_hostile_names_are_shown_as_text_and_refused(panel: Page) -> None:
    operate(panel, "Bake")
    choose(panel, 0, "inkstyle", HOSTILE)
    expect(row(panel, 0).locator(".lbw-fault")).to_contain_text("'<' cannot stand in weights")
    choose(panel, 0, "inkstyle")
    for name in (HOSTILE, "../up", "a:b"):
        panel.get_by_label("Name of the result").fill(name)
        expect(panel.locator(".lbw-aside .lbw-fault")).to_contain_text("cannot name a LoRA")
        expect(panel.locator(".lbw-aside .lbw-fault")).to_contain_text(name)
    assert panel.locator('[data-lbw="merge"] img').count() == 0


def put_caret(page: Page, place: str) -> None:
    """Put the caret behind `place` in the prompt, as by a click."""
    prompt_of(page).click()
    prompt_of(page).evaluate(
        """(box, place) => {
            const at = box.value.indexOf(place) + place.length - 1;
            box.setSelectionRange(at, at);
        }""",
        place,
    )
    page.keyboard.press("ArrowRight")


def test_bars_come_at_a_tag_and_write_into_it(page: Page) -> None:
    prompt_of(page).fill("a 😀 girl <lora:inkstyle:1:lbw=OUTALL> at night <lora:karaokeroom:0.5>")
    put_caret(page, "<lora:ink")
    popover = page.get_by_role("dialog", name="Block weights of inkstyle")
    bar = popover.locator("[data-block=OUT05]")
    expect(bar).to_have_attribute("aria-valuenow", "1")
    box, text = popover.bounding_box(), prompt_of(page).bounding_box()
    assert box is not None
    assert text is not None
    assert box["y"] >= text["y"] + text["height"] or box["x"] >= text["x"] + text["width"]
    place = bar.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] - 3, place["y"] + 8)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 8, steps=4)
    page.mouse.up()
    expect(prompt_of(page)).to_have_value(
        re.compile(r"^a 😀 girl <lora:inkstyle:1:lbw=OUTALL,OUT05@0\.\d+> at night <")
    )
    page.keyboard.press("Escape")
    expect(popover).to_have_count(0)
    expect(prompt_of(page)).to_be_focused()
    page.keyboard.press("Alt+KeyL")
    expect(popover.locator("[data-block]:focus")).to_have_count(1)
    page.keyboard.press("Escape")
    put_caret(page, "<lora:kar")
    other = page.get_by_role("dialog", name="Block weights of karaokeroom")
    expect(other.locator("[data-block=IN03]")).to_have_attribute("aria-disabled", "true")
    other.get_by_label("Weight preset").select_option("MIDD")
    expect(prompt_of(page)).to_have_value(re.compile("<lora:karaokeroom:0.5:lbw=MIDD>$"))


def test_the_bars_stay_away_when_not_wanted(page: Page) -> None:
    popover = page.locator(".lbw-popover")
    prompt_of(page).fill("a <hypernet:b:1> <lora:inkstyle:1> <lora:nosuch:1>")
    for place in ("<hyper", "a", "<lora:nos"):
        put_caret(page, place)
        page.wait_for_timeout(900)
        expect(popover).to_have_count(0)
    put_caret(page, "<lora:ink")
    expect(popover).to_have_count(1)
    page.keyboard.press("Control+a")
    expect(popover).to_have_count(0)
    page.evaluate("window.opts = { lbw_prompt_popover: false }")
    put_caret(page, "<lora:ink")
    page.wait_for_timeout(900)
    expect(popover).to_have_count(0)


def test_a_size_is_weighed_by_a_checkpoint_that_the_panel_names(page: Page, data: Path) -> None:
    folder = data / "lora-block-weight" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    base = uneven_base(folder / "uneven.safetensors")
    page.get_by_role("tab", name="Merge", exact=True).click()
    operate(page, "Resize")
    choose(page, 0, "inkstyle")
    weighed = page.get_by_label("Weigh what is lost by the layers of")
    expect(weighed).to_be_hidden()
    page.get_by_label("Size of the result").select_option("megabytes")
    page.get_by_label("Megabytes").fill("0.6")
    weighed.select_option("uneven")
    page.get_by_label("Name of the result").fill("weighed")
    start(page)
    expect(page.locator(".lbw-aside .lbw-fault")).to_contain_text("the base has no layer")  # it has two of them
    weighed.select_option("")
    start(page)
    expect(page.locator(".lbw-outcome h3")).to_have_text("weighed is written")
    operate(page, "Merge")
    expect(weighed).to_be_visible()
    page.get_by_label("Size of the result").select_option("exact")
    expect(weighed).to_be_hidden()
    page.get_by_text("More options").click()
    expect(page.get_by_label("Base checkpoint")).to_be_visible()
    operate(page, "Into a checkpoint")
    expect(page.get_by_label("Base checkpoint")).to_be_hidden()
    expect(page.get_by_label("Compute on")).to_be_hidden()  # this machine leaves no choice
    base.unlink()


@pytest.mark.parametrize(("devices", "shown"), [(["cpu"], False), (["cpu", "cuda:0", "cuda:1"], True)])
def test_where_to_compute_is_asked_where_there_is_a_choice(panel: Page, devices: list[str], shown: bool) -> None:
    told = panel.evaluate(
        """(devices) => {
            const fields = new window.lbw.MergeFields(() => {}, { checkpoints: [], devices });
            fields.load({ operation: "merge", ...(devices.length > 1 ? { device: "cuda:1" } : {}) });
            return [!fields.device.label.hidden, fields.values().device ?? null, fields.device.box.options.length];
        }""",
        devices,
    )
    assert told == [shown, "cuda:1" if shown else None, len(devices)]
