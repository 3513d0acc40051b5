"""What the WebUI keeps in `ui-config.json`: defaults by file, tab and label, read back before the page is shown."""

import asyncio
import json
from typing import Any

import gradio as gr
import pytest

from tests.webui_script.fake_webui import SCRIPT, FakeWebui, Job

FIELDS = {
    gr.Slider: ("value", "minimum", "maximum", "step"), gr.Radio: ("value",), gr.Checkbox: ("value",),
    gr.Textbox: ("value",), gr.Number: ("value",), gr.Dropdown: ("value",), gr.Button: (),
}  # fmt: skip
KEPT = {
    "Block weights on": True, "LoRA": "", "Seeds": "", "Blocks": "ALL", "Range: block, others": "0,1",
    "Inverse: all blocks off, one at a time on": False, "X axis": "values", "X axis values": "0,0.5,1",
    "Y axis": "none", "Y axis values": "", "Z axis": "none", "Z axis values": "", "Threshold of Changed %": 20,
    "Colour behind the differences": "black", "Swapped axes": False,
}  # fmt: skip


def page(webui: FakeWebui, is_img2img: bool) -> tuple[list[list[Any]], list[Any]]:
    """Build a tab as the WebUI does; the controls of each of our scripts, and all that is on the page."""

    async def build() -> tuple[list[list[Any]], list[Any]]:
        with gr.Blocks() as made:
            scripts = [script().ui(is_img2img) for script in (webui.script.LoraBlockWeight, webui.script.BlockAnalysis)]
        return scripts, list(made.blocks.values())

    scripts, blocks = asyncio.run(build())
    for control in (control for controls in scripts for control in controls):
        control.custom_script_source = SCRIPT.name
    return scripts, blocks


def kept(blocks: list[Any], tab: str) -> dict[str, tuple[Any, str]]:
    """The place of every default the WebUI keeps: key -> component and field. A key that stands twice is a fault."""
    found: dict[str, tuple[Any, str]] = {}
    for block in blocks:
        label = getattr(block, "label", None) or (block.value if type(block) is gr.Button else None)
        if label is None or type(block) not in FIELDS or getattr(block, "do_not_save_to_config", False):
            continue
        source = getattr(block, "custom_script_source", None)
        head = f"customscript/{source}/{tab}" if source else tab
        for field in (*(("visible",) if block.visible else ()), *FIELDS[type(block)]):
            key = f"{head}/{label}/{field}"
            assert key not in found, "two components would share one default"
            found[key] = block, field
    return found


def stored(webui: FakeWebui, is_img2img: bool) -> dict[str, Any]:
    tab = "img2img" if is_img2img else "txt2img"
    places = kept(page(webui, is_img2img)[1], tab)
    return {key: getattr(component, field) for key, (component, field) in places.items()}


@pytest.mark.parametrize("is_img2img", [False, True])
def test_defaults_that_are_kept_are_these(loaded: FakeWebui, is_img2img: bool) -> None:
    config = stored(loaded, is_img2img)
    head = f"customscript/{SCRIPT.name}/{'img2img' if is_img2img else 'txt2img'}/"
    assert all(key.startswith(head) for key in config), "what belongs to no script would be kept without its file name"
    values = {
        key.removeprefix(head)[: -len("/value")]: value for key, value in config.items() if key.endswith("/value")
    }
    assert values == KEPT
    assert json.loads(json.dumps(config)) == config


def test_they_are_kept_under_the_same_names_in_every_language_and_after_a_restart(loaded: FakeWebui) -> None:
    before = stored(loaded, False)
    loaded.opts.localization = "ja_JP"
    assert stored(loaded, False) == before
    loaded.unload_scripts()
    loaded.script = loaded.load_script()
    assert stored(loaded, False) == before


def test_what_the_user_has_saved_on_the_page_is_no_default(loaded: FakeWebui) -> None:
    before = stored(loaded, False)
    store = loaded.script.extension.resolver.desk.store
    store.save("presets", "MINE:0.5\n", "")
    assert stored(loaded, False) == before


def test_a_default_that_was_changed_counts(loaded: FakeWebui) -> None:
    """As the WebUI does it: it writes the kept values into the components, and their values are a job's arguments."""
    prompt = "<lora:karaokeroom:1:lbw=NONE>"
    (panel, form), blocks = page(loaded, False)
    places = kept(blocks, "txt2img")
    for label, value in (("Block weights on", False), ("Blocks", "MID"), ("Range: block, others", "0.25,1")):
        component, field = places[f"customscript/{SCRIPT.name}/txt2img/{label}/value"]
        setattr(component, field, value)
    off = Job(prompt, script_args=tuple(control.value for control in panel))
    assert loaded.process(off).images == loaded.process(Job("<lora:karaokeroom:1>")).images
    assert any("switched off" in comment for comment in off.comments)
    made = loaded.script.BlockAnalysis().run(
        Job("<lora:karaokeroom:1:lbw=XYZ>", 3), *(control.value for control in form)
    )
    assert [prompt for prompt in loaded.drawn if "MID@0.25" in prompt]
    assert made.index_of_first_image == 2
