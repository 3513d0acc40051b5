"""The preset editor as a user meets it: the app on the embedded model, a real browser, the file on the disk."""

import re

from tests.ui.preset_panel import MARKS, Panel, app, browser, data, expect, panel, write

__all__ = ["app", "browser", "data", "panel", "write"]
pytestmark = MARKS


def test_a_preset_is_made_dragged_typed_undone_and_kept(panel: Panel) -> None:
    panel.press("New")
    panel.page.keyboard.type("mine")
    panel.page.keyboard.press("Enter")
    expect(panel.note).to_have_text("New preset is called mine now")
    panel.drag("IN05", -0.5)
    expect(panel.text).to_have_value("1,1,1,1,1,1,0.5" + ",1" * 19)
    panel.page.keyboard.type("1.25")  # the bar that was dragged has the focus
    panel.page.keyboard.press("Enter")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("1.25")
    expect(panel.block("IN05")).to_have_class(re.compile("lbw-high"))
    panel.saved(r"^mine:1,1,1,1,1,1,1\.25,1")
    panel.page.keyboard.press("Control+z")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("0.5")
    panel.page.keyboard.press("Control+Shift+z")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("1.25")
    panel.press("Undo")
    panel.saved(r"^mine:1,1,1,1,1,1,0\.5,1")
    panel.reload()
    panel.choose("mine")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("0.5")


def test_blocks_are_selected_together_and_moved_by_keys(panel: Panel) -> None:
    panel.choose("ALL")
    panel.block("IN04").click()
    panel.block("IN06").click(modifiers=["Shift"])
    panel.block("OUT03").click(modifiers=["Control"])
    expect(panel.root.locator(".lbw-picked")).to_have_count(4)
    panel.page.keyboard.press("ArrowDown")
    for name in ("IN04", "IN05", "IN06", "OUT03"):
        expect(panel.block(name)).to_have_attribute("aria-valuenow", "0.95")
    panel.block("MID").dblclick()
    expect(panel.block("MID")).to_have_attribute("aria-valuenow", "0")
    panel.block("MID").hover()
    panel.page.mouse.wheel(0, -100)
    expect(panel.block("MID")).to_have_attribute("aria-valuenow", "0.05")
    panel.page.keyboard.press("ArrowRight")
    panel.page.keyboard.press("Home")
    panel.page.keyboard.press("PageDown")
    expect(panel.block("OUT00")).to_have_attribute("aria-valuenow", "-0.25")
    expect(panel.block("OUT00")).to_have_class(re.compile("lbw-low"))
    panel.saved(r"^ALL:.*0\.95,0\.95,0\.95")
    assert panel.file.read_text("utf-8").count("ALL:") == 6, "a shipped preset becomes one's own with all its lengths"


def test_text_and_bars_are_one_and_a_fault_is_told_where_it_is(panel: Panel) -> None:
    panel.press("New")
    panel.text.fill("OUTALL,MID@0.5")
    expect(panel.block("MID").locator(".lbw-number")).to_have_text("0.5")
    expect(panel.block("IN04").locator(".lbw-number")).to_have_text("0")
    panel.drag("IN04", 0.3)
    expect(panel.text).to_have_value("OUTALL,MID@0.5,IN04@0.3")
    panel.text.fill("OUTALL,OUT99@1")
    expect(panel.root.locator("mark")).to_have_text("OUT99")
    expect(panel.root.locator(".lbw-side .lbw-fault").first).to_contain_text("OUT09?")
    panel.unfold("All presets as text")
    area = panel.root.get_by_label("All presets as text", exact=True)
    area.fill("# mine\nA:1\nnonsense\nA:1,2\n")
    expect(panel.root.locator(".lbw-faults button").first).to_contain_text("line 3")
    expect(panel.root.locator(".lbw-numbers b")).to_have_text("3")
    panel.root.locator(".lbw-faults button").click()
    assert area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") == "nonsense"
    area.fill("# mine\nA:1\nB:OUTALL\n")
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_count(2)
    panel.saved("^B:OUTALL$")
    panel.unfold("Elemental presets as text")
    elements = panel.root.get_by_label("Elemental presets as text", exact=True)
    elements.fill("RULE:IN05:attn:1\n\nWRONG:nothing\n")
    expect(panel.root.locator("[data-elements] .lbw-faults button")).to_contain_text("line 3")


def test_groups_comments_and_order_are_kept(panel: Panel) -> None:
    panel.file.parent.mkdir(parents=True, exist_ok=True)
    panel.file.write_text("# Faces\n# a note\nA:1\n\nB:0.5\n", "utf-8", newline="\r\n")
    panel.reload()
    expect(panel.root.locator(".lbw-heading b").first).to_have_text("Faces")
    panel.choose("B")
    panel.root.locator(".lbw-items").focus()
    panel.page.keyboard.press("Alt+ArrowUp")
    panel.page.keyboard.press("Alt+ArrowUp")
    panel.saved("B:0.5")
    assert panel.file.read_bytes() == b"# Faces\r\n# a note\r\nB:0.5\r\nA:1\r\n\r\n"
    source, target = (panel.root.locator(".lbw-item").nth(place).bounding_box() for place in (1, 0))
    assert source is not None
    assert target is not None
    panel.page.mouse.move(source["x"] + 20, source["y"] + 15)
    panel.page.mouse.down()
    panel.page.mouse.move(target["x"] + 20, target["y"] + 3, steps=4)
    panel.page.mouse.up()
    panel.saved("A:1")
    panel.press("New group")
    panel.page.keyboard.type("more")
    panel.page.keyboard.press("Enter")
    panel.saved("^# more")
    assert panel.file.read_text("utf-8").split() == ["#", "Faces", "#", "a", "note", "A:1", "#", "more", "B:0.5"]
    panel.root.locator(".lbw-heading", has_text="more").click()
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_text(re.compile("^A"))
    panel.root.get_by_label("Search presets").fill("outa")
    expect(panel.root.locator(".lbw-item")).to_have_text("OUTALL")


def test_two_presets_are_compared(panel: Panel) -> None:
    panel.choose("OUTALL")
    panel.root.get_by_label("Compare with").select_option("OUTD")
    expect(panel.root.locator(".lbw-ghost")).to_have_count(5)
    expect(panel.root.locator(".lbw-differs")).to_contain_text("5 blocks differ from OUTD: OUT07 1 | 0, OUT08")
    panel.press("Swap")
    expect(panel.name).to_have_value("OUTD")
    expect(panel.root.get_by_label("Compare with")).to_have_value("OUTALL")
    expect(panel.root.locator(".lbw-ghost")).to_have_count(5)
    panel.drag("OUT11", 1.0)
    expect(panel.root.locator(".lbw-ghost")).to_have_count(4)


def test_a_vector_is_converted_with_a_look_at_what_is_lost(panel: Panel) -> None:
    panel.press("New")
    panel.page.keyboard.type("long")
    panel.page.keyboard.press("Enter")
    panel.text.fill("1,0.3,0.5" + ",1" * 23)
    panel.saved("^long:1,0.3,0.5")
    panel.root.get_by_label("Vector length").select_option("17")
    expect(panel.root.locator(".lbw-preview")).to_contain_text("Lost, for the new layout does not name them: IN00 0.3")
    panel.press("Keep beside it, under the same name")
    expect(panel.root.locator(".lbw-sizes button")).to_have_text(["26", "17"])
    panel.root.locator(".lbw-sizes button").first.click()
    panel.root.get_by_label("Convert to").select_option("sdxl/20")
    expect(panel.root.locator(".lbw-preview")).to_contain_text("Taken from the nearest depth")
    panel.press("Keep beside it, under the same name")
    expect(panel.root.get_by_label("Model")).to_have_value("family:sdxl")
    expect(panel.root.locator(".lbw-sizes button")).to_have_text(["26", "17", "20"])
    expect(panel.block("OUT09")).to_have_count(0)
    panel.saved("^long:1,.*\nlong:1,.*\nlong:1,.*")


def test_a_preset_is_renamed_copied_deleted_and_brought_back(panel: Panel) -> None:
    panel.choose("FACE")
    panel.press("Duplicate")
    expect(panel.name).to_have_value("FACE 2")
    for bad, told in (
        ("a:b", "cannot stand"),
        ("# x", "cannot be a name"),
        ("ALL", "already"),
        ("<b>", "cannot stand"),
    ):
        panel.name.fill(bad)
        panel.name.press("Enter")
        expect(panel.note).to_contain_text(told)
        expect(panel.name).to_have_value("FACE 2")
    panel.name.fill("顔")
    panel.name.press("Enter")
    panel.saved("^顔:1,.*\n顔:1,")
    panel.press("Delete")
    expect(panel.note).to_contain_text("Undo brings it back")
    panel.press("Delete")
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_count(0)
    panel.press("Undo")
    panel.press("Undo")
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_count(2)
    panel.press("Copy for the prompt")
    expect(panel.note).to_have_text("Copied: :lbw=顔")
    assert panel.page.evaluate("navigator.clipboard.readText()") == ":lbw=顔"
    panel.root.get_by_label("LoRA in the prompt").select_option("tag:0")
    panel.press("Use in the prompt")
    expect(panel.note).to_contain_text("In the prompt: <lora:")
    expect(panel.page.locator("#lbw-prompt textarea")).to_have_value(re.compile("<lora:[^>]*:lbw=顔>"))
