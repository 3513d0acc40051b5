"""The preset editor's check and Save, the drawings of the prompt, errors of the drawing thread, neighbours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import LbwError
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.i18n import english
from lib_lbw.webui.editor import _saved, checked, known_names
from lib_lbw.webui.page_errors import run_and_wait_result
from lib_lbw.webui.preset_check import faults_of
from lib_lbw.webui.prompt_weights import prompt_weights
from lib_lbw.webui.reference import preset_folders
from lib_lbw.webui.resolver import Resolver
from lib_lbw.webui.rivals import rivals
from lib_lbw.weights.presets import ElementBook, PresetBook


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("GOOD:1,1,1,1,1,1,1,1,1,1,1,1\nTERMS:ALL,OUT03@0.5\n# note\n\n", []),
        ("A:1,2,3\n", ["line 1: 3 values; a vector has one of 12 / 17"]),
        ("A:1\nB:OUTAL\n", ["line 2: 'OUTAL' is neither a preset nor a number; did you mean OUTALL?"]),
        ("A:B\nB:1\n", []),
        ("A:B\nB\n", ["line 1: 'B' is neither", "line 2 is neither NAME:weights"]),
    ],
)
def test_the_check_names_line_and_fault(text: str, faults: list[str]) -> None:
    found = [str(fault) for fault in faults_of(PresetBook.parse(text))]
    assert len(found) == len(faults)
    assert all(one.startswith(other) for one, other in zip(found, faults, strict=True))


def test_elemental_presets_are_checked_too() -> None:
    assert [fault.line for fault in faults_of(ElementBook.parse("A:IN01:attn:1\nB:IN01\n"))] == [2]


@given(st.text("AB:,01.@#\n<&", max_size=40))
def test_the_check_never_fails_and_never_lets_markup_through(text: str) -> None:
    shown = checked("presets", text, text, english)
    assert shown.startswith('<div class="lbw-message')
    assert "<&" not in shown


def test_saved_and_not_saved_are_told_apart() -> None:
    assert "not saved yet" in checked("presets", "A:1\n", "", english)
    assert "not saved yet" not in checked("presets", "A:1\n", "A:1\n", english)


def test_save_and_the_second_save_after_a_conflict(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    text, base, _, names = _saved("presets", store, "A:1\n", "", english)
    assert (text, base, store.text("presets")) == ("A:1\n", "A:1\n", "A:1\n")
    assert names.endswith(",A")
    store.save("presets", "A:0\n", "A:1\n")
    _, base, message, _ = _saved("presets", store, "A:2\n", "A:1\n", english)
    assert base == "A:0\n"
    assert "changed meanwhile" in message
    _saved("presets", store, "A:2\n", base, english)
    assert store.text("presets") == "A:2\n"


def test_names_to_copy_are_there_even_with_a_broken_file(tmp_path: Path) -> None:
    store = PresetStore(tmp_path)
    store.path("presets").write_bytes(b"\xff\xfe\xff")
    assert "OUTALL" in known_names(store, "presets").split(",")
    assert "UTF-8" in _saved("presets", store, "A:1", "", english)[2]


def test_the_prompt_is_drawn_tag_by_tag(resolver: Resolver) -> None:
    prompt = "<lora:karaokeroom:1:lbw=OUTALL> <lora:karaokeroom:1:lbw=OUTAL> <lora:gone:1> <lora:karaokeroom:1:x=>"
    shown = prompt_weights(prompt, 0, resolver, english)
    assert shown.count("<svg") == 1
    assert shown.count("lbw-error") == 3
    assert "did you mean OUTALL?" in shown
    loractl = prompt_weights("<lora:karaokeroom:1@0,0.5@1:lbw=OUTALL> <LORA:karaokeroom:1>", 0, resolver, english)
    assert (loractl.count("<svg"), loractl.count("lbw-error")) == (1, 1)
    assert "No LoRA" in prompt_weights("a", 0, resolver, english)


def wait(job: Callable[..., Any], *args: Any) -> Any:
    """What the drawing thread of some WebUIs does with an error: nothing."""
    try:
        return job(*args)
    except Exception:  # noqa: BLE001 - as those WebUIs do
        return None


def test_an_error_in_the_drawing_thread_reaches_the_page() -> None:
    def fail(kind: type[Exception]) -> None:
        raise kind("told")

    with pytest.raises(LbwError, match="told"):
        run_and_wait_result(wait, fail, LbwError)
    assert run_and_wait_result(wait, fail, ValueError) is None
    assert run_and_wait_result(wait, lambda one: one + 1, 1) == 2


def test_rivals_are_other_folders_with_a_script_of_our_name(tmp_path: Path) -> None:
    own, link = tmp_path / "own", tmp_path / "link"
    (own / "scripts").mkdir(parents=True)
    link.symlink_to(own)
    other = tmp_path / "other"
    files = [folder / "scripts" / "lora_block_weight.py" for folder in (own, link, other)]
    assert rivals([*files, other / "scripts" / "else.py"], own) == (other,)


def test_presets_are_looked_for_in_folders_of_that_name_and_in_our_own(tmp_path: Path) -> None:
    for name in ("sd-webui-lora-block-weight", "sd_webui_lora_block_weight_old", "something"):
        (tmp_path / name / "scripts").mkdir(parents=True)
        (tmp_path / name / "scripts" / "lbwpresets.txt").touch()
    own = tmp_path / "mine"
    (own / "scripts").mkdir(parents=True)
    (own / "scripts" / "elempresets.txt").touch()
    found = preset_folders(sorted(tmp_path.iterdir()), own)
    assert [folder.parent.name for folder in found] == [
        "sd-webui-lora-block-weight", "sd_webui_lora_block_weight_old", "mine",
    ]  # fmt: skip
