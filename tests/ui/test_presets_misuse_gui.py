"""The preset editor under hurried hands: nothing is lost, and what cannot be is said in words."""

import re

import pytest

from tests.ui.preset_panel import MARKS, Panel, app, browser, data, expect, panel, write

__all__ = ["app", "browser", "data", "panel", "write"]
pytestmark = MARKS


def lines(panel: Panel) -> list[str]:
    return panel.file.read_text("utf-8").splitlines()


def put(panel: Panel, text: str) -> None:
    """Lay a file down and open the editor on it."""
    panel.file.parent.mkdir(parents=True, exist_ok=True)
    panel.file.write_text(text, "utf-8")
    panel.reload()


def test_a_thousand_pasted_presets_with_faults_are_all_kept(panel: Panel) -> None:
    pasted = [f"P{at}:1,{at / 1000},0.5" + ",1" * 14 if at % 100 else f"broken {at}" for at in range(1000)]
    panel.unfold("All presets as text")
    panel.root.get_by_label("All presets as text", exact=True).fill("\n".join(pasted) + "\n")
    expect(panel.root.locator(".lbw-faults button")).to_have_count(10)
    panel.saved("^P999:")
    assert lines(panel) == pasted, "the faulty ones too"


def test_dragging_while_it_saves_loses_nothing(panel: Panel) -> None:
    put(panel, "A:" + ",".join(["1"] * 26) + "\nB:OUTALL\n")
    panel.choose("A")
    for at in range(6):
        panel.drag(f"OUT0{at}", -0.5)
        panel.page.wait_for_timeout(480 if at % 2 else 520)  # just when it saves
    panel.choose("B")
    panel.saved("^A:" + ",".join(["1"] * 14 + ["0.5"] * 6 + ["1"] * 6) + "$")
    assert lines(panel)[1:] == ["B:OUTALL"]


def test_what_is_typed_just_before_the_same_preset_is_chosen_stays(panel: Panel) -> None:
    put(panel, "A:1\nB:OUTALL\n")
    panel.choose("A")
    panel.text.fill("0.25")
    panel.root.locator(".lbw-item", has_text="A").first.click()  # within the moment the letters rest
    panel.saved("^A:0.25$")
    panel.text.fill("0.5")
    panel.saved("^A:0.5$")
    panel.text.fill("0.75")
    panel.name.fill("C")
    panel.name.press("Enter")
    panel.saved("^C:0.75$")
    assert lines(panel) == ["C:0.75", "B:OUTALL"]


def test_two_pages_edit_one_file(panel: Panel, app: str) -> None:
    put(panel, "A:1\n# between\nB:1\n")
    other = Panel(panel.page.context.new_page(), panel.file)
    other.page.goto(app)
    other.open()
    panel.choose("A")
    other.choose("B")
    panel.text.fill("0.25")
    panel.saved("^A:0.25$")
    other.text.fill("0.75")
    other.saved("^B:0.75$")
    assert lines(panel) == ["A:0.25", "# between", "B:0.75"]


def test_a_file_that_is_deleted_outside_is_told(panel: Panel) -> None:
    put(panel, "A:1\nB:OUTALL\n")
    panel.choose("A")
    panel.file.unlink()
    panel.page.wait_for_timeout(3000)  # between two looks at the file
    panel.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(panel.note).to_contain_text("Undo brings back")
    panel.press("Undo")
    panel.saved("^A:1$")
    assert lines(panel) == ["A:1", "B:OUTALL"]


def test_reloading_at_once_keeps_what_was_typed(panel: Panel) -> None:
    put(panel, "A:1\n")
    panel.choose("A")
    panel.text.fill("0.25")
    panel.page.wait_for_timeout(300)
    panel.reload()
    panel.choose("A")
    expect(panel.text).to_have_value("0.25")


@pytest.mark.parametrize("name", ["שלום עולם", "顔 🎨👩‍🎨", "n" * 300])
def test_names_of_every_kind(panel: Panel, name: str) -> None:
    put(panel, "A:OUTALL\n")
    panel.choose("A")
    panel.name.fill(name)
    panel.name.press("Enter")
    panel.saved(f"^{re.escape(name)}:OUTALL$")
    panel.reload()
    expect(panel.name).to_have_value(name)
    assert panel.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_hundred_steps_back_and_forth(panel: Panel) -> None:
    put(panel, "A:" + ",".join(["1"] * 26) + "\n")
    panel.choose("A")
    panel.page.evaluate("""() => { const found = { detail: {} };
        document.dispatchEvent(Object.assign(new Event("lbw-presets"), found));
        const { presets } = found.detail;
        for (let at = 1; at <= 200; at++) presets.edit((all) => { all[0] = lbw.Presets.line("A", `OUTALL,MID@${at / 1000}`); });
    }""")  # noqa: E501
    panel.text.focus()
    for _ in range(200):
        panel.page.keyboard.press("Control+z")
    expect(panel.text).to_have_value(",".join(["1"] * 26))
    expect(panel.root.get_by_role("button", name="Undo")).to_be_disabled()
    for _ in range(200):
        panel.page.keyboard.press("Control+Shift+z")
    panel.saved("^A:OUTALL,MID@0.2$")
