"""The script file in a WebUI: what it registers, that it weighs, and that it goes without a trace."""

import asyncio
import inspect
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from lib_lbw.ui.axis_fields import EXAMPLES
from tests.webui_script.fake_webui import SCRIPT, FakeWebui, Job

LORA = "<lora:karaokeroom:1:1:lbw={}>"


def level(webui: FakeWebui, prompt: str, **more: object) -> int:
    return webui.process(Job(prompt, **more)).images[0].getpixel((0, 0))[0]


def test_a_directive_changes_the_picture_and_no_directive_does_not(loaded: FakeWebui) -> None:
    none, plain = level(loaded, "a"), level(loaded, "a <lora:karaokeroom:1>")
    assert plain > none
    assert level(loaded, LORA.format("ALL")) == plain
    assert level(loaded, LORA.format("NONE")) == none
    assert none < level(loaded, LORA.format("ALL,OUT11@0")) < plain
    assert level(loaded, "<lora:karaokeroom:1:MIDD>") == level(loaded, LORA.format("MIDD"))
    assert level(loaded, "<lyco:karaokeroom:1:1:lbw=MIDD>") == level(loaded, LORA.format("MIDD"))


def test_a_bad_directive_stops_with_its_sentence(loaded: FakeWebui) -> None:
    with pytest.raises(Exception, match="'OUTAL' is neither a preset nor a number; did you mean OUTALL"):
        loaded.process(Job(LORA.format("OUTAL")))
    assert loaded.drawn == []


def test_or_is_ignored_and_told_of(loaded: FakeWebui) -> None:
    loaded.opts.lbw_on_bad_directive = "ignore"
    job = Job(LORA.format("OUTAL"))
    assert loaded.process(job).images[0].getpixel((0, 0))[0] == level(loaded, "<lora:karaokeroom:1>")
    assert any("OUTAL" in comment for comment in job.comments)
    assert "OUTALL" in job.extra_generation_params["LBW notes"]


def test_a_missing_lora_is_the_webuis_business(loaded: FakeWebui) -> None:
    assert level(loaded, f"<lora:nowhere:1:lbw=MIDD>{LORA.format('MIDD')}") == level(loaded, LORA.format("MIDD"))


def test_a_file_that_the_webui_has_not_listed_yet_gets_its_weights_at_once(loaded: FakeWebui) -> None:
    """The host looks into its folders when it loads the tag, and would apply the new file as a plain LoRA."""
    none = level(loaded, "a")
    new = loaded.data / "new.safetensors"
    shutil.copy(loaded.loras["karaokeroom"], new)
    loaded.loras["new"] = new
    assert level(loaded, "<lora:new:1:1:lbw=NONE>") == none
    assert level(loaded, "<lora:new:1:1:lbw=MIDD>") == level(loaded, LORA.format("MIDD")) != none


def test_a_file_that_was_moved_is_found_where_it_is_and_one_that_is_gone_stops_nothing(loaded: FakeWebui) -> None:
    want = level(loaded, LORA.format("MIDD"))
    first, second = loaded.data / "moved.safetensors", loaded.data / "extensions" / "moved.safetensors"
    shutil.copy(loaded.loras["karaokeroom"], first)
    loaded.loras["moved"] = first
    assert level(loaded, "<lora:moved:1:1:lbw=MIDD>") == want
    first.rename(second)
    loaded.loras["moved"] = second
    assert level(loaded, "<lora:moved:1:1:lbw=MIDD>") == want
    second.unlink()
    assert level(loaded, f"<lora:moved:1:1:lbw=MIDD>{LORA.format('MIDD')}") == want


def test_loras_are_looked_for_only_when_one_is_missing(loaded: FakeWebui, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(loaded.networks, "list_available_networks", lambda: looked.append(1))
    level(loaded, f"a {LORA.format('MIDD')} <lora:inkstyle:1>")
    assert looked == []
    level(loaded, "<lora:nowhere:1:lbw=MIDD>")
    assert looked == [1]


def test_a_list_that_another_thread_fills_anew_costs_no_weights(
    loaded: FakeWebui, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever refreshes the cards empties the host's lists first; the host itself looks again, and finds the file."""
    none = level(loaded, "a")
    tables = loaded.networks.available_networks, loaded.networks.available_network_aliases

    def emptied() -> None:
        for table in tables:
            table.clear()

    monkeypatch.setattr(loaded.networks, "list_available_networks", emptied)
    emptied()
    job = Job(LORA.format("NONE"))
    assert loaded.process(job).images[0].getpixel((0, 0))[0] == none
    assert "karaokeroom" in job.extra_generation_params["LBW"]


def test_not_active_means_plain(loaded: FakeWebui) -> None:
    off = ("", False, *[""] * 14)
    plain = level(loaded, "<lora:karaokeroom:1>")
    assert level(loaded, LORA.format("NONE"), script_args=off) == plain
    assert level(loaded, LORA.format("OUTAL"), script_args=off) == plain, "no weights act, so a bad one stops nothing"
    assert level(loaded, "<lora:karaokeroom:1:1,0,1>", script_args=off) == plain


@pytest.mark.parametrize("bad", [False, True])
def test_a_job_inside_one_that_our_script_does_not_see_does_what_the_outer_one_says(
    loaded: FakeWebui, bad: bool
) -> None:
    """ADetailer hands its inner jobs to those scripts only that its settings name."""
    off, presets = ("", False, *[""] * 14), ("OUTSIDE:0", True, 1, *[""] * 13)
    plain, none = level(loaded, "<lora:karaokeroom:1>"), level(loaded, "a")
    inside: list[int] = []

    def inner() -> None:
        if not inside:
            inside.append(-1)
            always, loaded.always = loaded.always, []
            inside.append(level(loaded, LORA.format("OUTSID" if bad else "OUTSIDE")))
            loaded.always = always

    loaded.after_picture = inner
    loaded.process(Job("a", script_args=off))
    assert inside.pop() == plain
    inside.clear()
    if not bad:
        loaded.process(Job("a", script_args=presets))
        assert inside.pop() == none


def test_weights_that_are_switched_off_are_told_of(loaded: FakeWebui) -> None:
    off = ("", False, *[""] * 14)
    job, plain = Job(LORA.format("NONE"), script_args=off), Job("<lora:karaokeroom:1>", script_args=off)
    loaded.process(job)
    loaded.process(plain)
    assert any("switched off" in comment for comment in job.comments)
    assert "switched off" in job.extra_generation_params["LBW notes"]
    assert not plain.comments


def test_a_program_brings_presets_for_one_request(loaded: FakeWebui) -> None:
    presets = "MYSETS:1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\nYOURSETS:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1"
    arguments = (presets, True, 1, *[""] * 13)
    drawn = level(loaded, "<lora:karaokeroom:1:MYSETS>", script_args=arguments)
    assert drawn == level(loaded, LORA.format("1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"))
    with pytest.raises(Exception, match="MYSETS"):
        loaded.process(Job("<lora:karaokeroom:1:MYSETS>"))


def test_programs_find_the_accordion_before_the_analysis_of_the_same_title(loaded: FakeWebui) -> None:
    base = sys.modules["modules.scripts"].Script
    classes = [each for each in vars(loaded.script).values() if inspect.isclass(each) and issubclass(each, base)]
    assert [each.__name__ for each in classes] == ["LoraBlockWeight", "BlockAnalysis"]
    assert {each().title() for each in classes} == {"LoRA Block Weight"}
    assert classes[0]().show(False) is sys.modules["modules.scripts"].AlwaysVisible
    assert classes[1]().show(True) is True


def page_of(loaded: FakeWebui, is_img2img: bool) -> tuple[list[Any], list[Any]]:
    """Build the page inside a running loop: outside of one, gradio opens loops that it never closes."""

    async def build() -> tuple[list[Any], list[Any]]:
        with gr.Blocks() as page:
            controls = [
                control
                for made in (loaded.script.LoraBlockWeight(), loaded.script.BlockAnalysis())
                for control in made.ui(is_img2img)
            ]
        return controls, list(page.blocks.values())

    return asyncio.run(build())


@pytest.mark.parametrize("is_img2img", [False, True])
def test_the_page_builds_the_same_controls_every_time(loaded: FakeWebui, is_img2img: bool) -> None:
    def built() -> list[tuple[str, str, object]]:
        controls, _ = page_of(loaded, is_img2img)
        return [(type(control).__name__, str(control.label), control.value) for control in controls]

    first = built()
    assert first == built()
    labels = [label for _, label, _ in first]
    assert len(set(labels)) == len(labels) == 16 + 22


def test_defaults_kept_for_the_extension_before_us_are_not_taken_for_ours(loaded: FakeWebui) -> None:
    """The WebUI keeps defaults by file name and label, and that extension's file has the name of ours."""
    saved = {str(block.label) for tab in (False, True) for block in page_of(loaded, tab)[1]
             if getattr(block, "label", None) and not getattr(block, "do_not_save_to_config", False)
             and isinstance(block, (gr.Checkbox, gr.Textbox, gr.Radio, gr.Dropdown, gr.Slider))}  # fmt: skip
    theirs = {"Active", "Debug", "diff image color", "change X-Y", "difference threshold", "X Types", "X Values",
              "Y Types", "Y Values", "Z type", "Z values", "Range", "number of seed", "print change", "Weights",
              "Identifier", "Weights type", "LoRA Block Weight"}  # fmt: skip
    assert "Block weights on" in saved
    assert not saved & theirs


def test_the_japanese_page_knows_every_sentence_of_the_controls(loaded: FakeWebui) -> None:
    words = json.loads((SCRIPT.parents[1] / "localizations" / "ja_JP.json").read_text(encoding="utf-8"))
    shown = {
        str(text)
        for block in page_of(loaded, False)[1]
        for text in (getattr(block, "label", None), getattr(block, "placeholder", None))
        if text and getattr(block, "visible", True) and re.search("[a-z]{2}", str(text))
    }
    examples = {*EXAMPLES.values()}
    assert {text for text in shown if not re.match("NAME:|ALL, or|LoRA", text)} - examples <= words.keys()


def test_folding_the_accordion_switches_nothing_off(loaded: FakeWebui) -> None:
    controls, blocks = page_of(loaded, False)
    assert type(controls[1]) is gr.Checkbox
    assert controls[1].value is True
    (fold,) = [block for block in blocks if block.elem_id == "lbw-txt2img-accordion"]
    assert type(fold) is gr.Accordion
    assert not fold.open


def test_what_save_told_is_not_wiped_out_by_the_texts_it_returns(loaded: FakeWebui) -> None:
    """After a conflict Save returns the other side's text: an event of that place would show another message."""

    async def build() -> Any:
        with gr.Blocks() as page:
            loaded.script.LoraBlockWeight().ui(False)
        return page

    page = asyncio.run(build())
    saved = {number for number, block in page.blocks.items() if str(getattr(block, "label", "")).startswith("Presets:")}
    events = page.get_config_file()["dependencies"]
    heard = {(number, event) for each in events for number, event in each["targets"] if number in saved}
    assert {event for _, event in heard} == {"input"}


def test_ids_are_ours_and_unlike_on_the_two_tabs(loaded: FakeWebui) -> None:
    def ids(is_img2img: bool) -> set[str]:
        _, blocks = page_of(loaded, is_img2img)
        return {block.elem_id for block in blocks if getattr(block, "elem_id", None)}

    txt2img, img2img = ids(False), ids(True)
    assert all(each.startswith("lbw-") for each in txt2img)
    assert not txt2img & img2img


def test_reload_leaves_one_wrapper_and_unload_none(loaded: FakeWebui) -> None:
    extra_networks = sys.modules["modules.extra_networks"]
    wrapped = extra_networks.activate
    loaded.unload_scripts()
    bare = extra_networks.activate
    assert bare is not wrapped
    assert bare == loaded._activate
    loaded.load_script()
    assert extra_networks.activate.__wrapped__ == bare
    loaded.unload_scripts()
    assert extra_networks.activate == bare
    assert loaded.networks.load_networks == loaded._load


def test_no_module_of_an_older_load_stays(loaded: FakeWebui) -> None:
    first = sys.modules["lib_lbw.webui.extension"]
    loaded.unload_scripts()
    loaded.load_script()
    assert sys.modules["lib_lbw.webui.extension"] is not first


def test_settings_have_a_section(loaded: FakeWebui) -> None:
    assert set(loaded.opts.sections) == {"lbw_on_bad_directive", "lbw_prompt_popover"}
    assert loaded.opts.data == {"lbw_on_bad_directive": "ignore", "lbw_prompt_popover": True}, "saved values stay"
    assert {setting.section for setting in loaded.opts.sections.values()} == {("lbw", "LoRA Block Weight")}


def test_beside_another_one_we_stand_down_and_say_so(own_modules: None, webui: FakeWebui) -> None:
    other = webui.data / "extensions" / "sd-webui-lora-block-weight" / "scripts" / SCRIPT.name
    other.parent.mkdir(parents=True)
    other.touch()
    script = webui.load_script()
    webui.data_of_scripts.append(SimpleNamespace(path=str(other), module=None))
    for callback in webui.callbacks["before_ui"]:
        callback()
    assert webui.networks.load_networks == webui._load
    assert script.BlockAnalysis().show(False) is False
    assert "Extensions tab" in script.extension.warning
    job = Job("a")
    webui.process(job)
    assert any("stands down" in comment for comment in job.comments)
    assert "stands down" in job.extra_generation_params["LBW notes"], "the API returns no comments"


def test_without_the_lora_extension_the_page_says_why(own_modules: None, webui: FakeWebui) -> None:
    del sys.modules["networks"]
    script = webui.load_script()
    assert "switched off or missing" in script.extension.warning


def test_presets_of_the_extension_before_us_are_taken_over_once(own_modules: None, webui: FakeWebui) -> None:
    folder = webui.data / "extensions" / "sd-webui-lora-block-weight" / "scripts"
    folder.mkdir(parents=True)
    old = folder / "lbwpresets.txt"
    old.write_text("MINE:1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1\n# a comment\n", encoding="utf-8")
    (folder / "elempresets.txt").write_text("ATT:IN05-OUT05:attn:0.5\n", encoding="utf-8")
    before = old.stat().st_mtime_ns, old.read_bytes()
    script = webui.load_script()
    store = script.extension.resolver.desk.store
    assert store.presets().find("MINE")
    assert store.elements().find("ATT")
    store.save("presets", "", store.text("presets"))
    webui.unload_scripts()
    assert not webui.load_script().extension.resolver.desk.store.presets().find("MINE")
    assert (old.stat().st_mtime_ns, old.read_bytes()) == before


def test_install_does_nothing_that_takes_time() -> None:
    text = (Path(SCRIPT).parents[1] / "install.py").read_text("utf-8")
    assert "import" not in text
