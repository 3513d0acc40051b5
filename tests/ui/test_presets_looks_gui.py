"""What the preset editor shows: every name as text, every word readable, and the numbers that Python reads."""

import json
from pathlib import Path

import pytest

from tests.ui.preset_panel import HOSTILE, MARKS, Panel, app, browser, data, expect, panel, write

__all__ = ["app", "browser", "data", "panel", "write"]
pytestmark = MARKS
CONTRAST = Path(__file__).with_name("contrast.js")


def test_names_and_comments_are_text_and_never_run(panel: Panel) -> None:
    panel.file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"# {each}\n{each}\n" for each in HOSTILE]
    panel.file.write_text("".join(lines) + "sound:1\n# </textarea><img src=x onerror=alert(3)>\n", "utf-8")
    panel.reload()
    expect(panel.root.locator(".lbw-heading b")).to_have_text(
        [*HOSTILE, "</textarea><img src=x onerror=alert(3)>", "Shipped"]
    )
    expect(panel.root.locator(".lbw-faulty")).to_have_count(len(HOSTILE))
    panel.unfold("All presets as text")
    expect(panel.root.locator(".lbw-faults button").first).to_contain_text(HOSTILE[0])
    panel.choose("sound")
    for each in HOSTILE:
        panel.text.fill(f"1,{each}")
        expect(panel.root.locator(".lbw-side .lbw-fault").first).not_to_be_empty()
        panel.root.get_by_label("Model").select_option(f"lora:{each}")
        expect(panel.block("MID")).to_be_visible()
    panel.unfold("Import and export")
    panel.root.get_by_label("Text to import").fill(f"<lora:{HOSTILE[0]}:1:lbw=0,MID@1>\n")
    panel.press("Import")
    expect(panel.note).not_to_be_empty()
    assert panel.root.locator("img, script, iframe").count() == 0
    panel.page.wait_for_timeout(300)


def test_what_the_page_reads_by_itself_is_what_python_reads(panel: Panel) -> None:
    wrong = panel.page.evaluate("""async () => {
        const { bridge, weights } = lbw;
        const { shipped } = await bridge.ask("presets.read");
        const wrong = [];
        for (const id of ["sd1", "sdxl", "flux"]) {
            const family = await bridge.ask("family", { family: id });
            const known = new Set();
            for (const { weights: text } of shipped.filter((line) => line.name)) {
                const mine = weights.read(text, family);
                if (!mine || known.has(text)) continue;
                known.add(text);
                const { values } = await bridge.ask("weights.read", { family: id, text });
                if (family.blocks.some((block) => values[block] !== mine[block])) wrong.push([id, text]);
                const changed = weights.write(text, { MID: 0.35, D00: 0.35 }, family);
                const again = changed ? Object.values(weights.read(changed, family)) : [0.35];
                if (!again.includes(0.35)) wrong.push([id, changed]);
            }
            if (known.size < 3) wrong.push([id, "nothing was read"]);
        }
        return wrong;
    }""")
    assert wrong == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_every_word_can_be_read_and_nothing_is_cut_off(panel: Panel, app: str, width: int, scheme: str) -> None:
    panel.file.parent.mkdir(parents=True, exist_ok=True)
    values = ",".join(["1", "-0.5", "1.5", "0", "0.35", "-1.2"] + ["0.6"] * 20)
    panel.file.write_text(f"# group\nmine:{values}\nbroken\nwrong:ALL,OUT99@1\n", "utf-8")
    panel.page.set_viewport_size({"width": width, "height": 900})
    panel.page.goto(f"{app}/?__theme={scheme}")
    panel.open()
    panel.choose("mine")
    panel.root.get_by_label("Compare with").select_option("OUTALL")
    for drawer in (
        "Convert",
        "Import and export",
        "All presets as text",
        "Elemental presets as text",
        "Earlier versions",
    ):
        panel.unfold(drawer)
    panel.block("OUT05").hover()
    expect(panel.root.locator(".lbw-numbers b")).to_be_visible()
    found = panel.root.evaluate(CONTRAST.read_text("utf-8"))
    assert len(found) > 60
    assert {f"{each['text']}: {each['ratio']:.1f}" for each in found if each["ratio"] < 4.5} == set(), json.dumps(
        found[:3]
    )
    assert panel.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    named = panel.root.evaluate("""root => [...root.querySelectorAll("input, select, textarea, button, [role=slider]")]
        .filter((each) => !each.hidden && each.type !== "file")
        .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length))
        .map((each) => each.outerHTML.slice(0, 90))""")
    assert named == []
