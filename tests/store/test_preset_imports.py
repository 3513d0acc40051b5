"""Presets out of what people paste."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import StoreError
from lib_lbw.store.imports import read_import
from lib_lbw.weights.presets import PresetBook


def test_preset_lines_with_comments() -> None:
    found = read_import("# faces\nFACE2:1,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0\nSOFT:OUTALL,MID@0.5\nbroken\n")
    assert [name for name, _ in found.presets] == ["FACE2", "SOFT"]
    assert "broken" in str(found.notices[0])


def test_a_prompt_gives_a_preset_for_each_lora_with_weights() -> None:
    found = read_import("a girl <lora:room:1:1:lbw=ALL,OUT01@0.8>, <lora:plain:1>, <lora:named:1:lbw=OUTALL>")
    assert found.presets == (("room", "ALL,OUT01@0.8"),)


def test_the_parameters_of_a_picture_give_the_resolved_numbers() -> None:
    numbers = ",".join(["1"] * 9 + ["0"] * 8)
    found = read_import(f'a <lora:room:1:lbw=MINE,MID@1>\nSteps: 20, LBW: "<lora:room:1:lbw={numbers}>"')
    assert found.presets == (("room", numbers),)


@pytest.mark.parametrize(("side", "length"), [(12, 26), (9, 20)])
def test_a_vector_of_the_inspire_pack_loses_two_of_its_three_middles(side: int, length: int) -> None:
    values = ["1"] + ["0.1"] * side + ["0.2", "0.3", "0.4"] + ["0.5"] * side
    found = read_import(",".join(values))
    assert found.presets == (("imported", ",".join(["1"] + ["0.1"] * side + ["0.3"] + ["0.5"] * side)),)
    assert len(found.presets[0][1].split(",")) == length
    assert "0.2, 0.3, 0.4" in str(found.notices[0])


def test_a_recipe_gives_the_weights_of_its_sources() -> None:
    recipe = {"sources": [{"path": "loras/hair: red.safetensors", "weights": "OUTALL"}, {"path": "b", "weights": ""}]}
    assert read_import(json.dumps(recipe)).presets == (("hair- red", "OUTALL"),)


def test_elemental_presets_are_told_apart_from_presets() -> None:
    text = "ATTNDEEPON:IN05-OUT05:attn:1\n\nATTNDEEPOFF:IN05-OUT05:attn:0\n"
    assert read_import(text).elements == text
    assert read_import(text).presets == ()
    assert read_import("FACE2:1\n").elements == ""


@pytest.mark.parametrize("text", ["", "hello", "{}", "[1,2]", "<lora:x:1>"])
def test_nothing_found_is_said(text: str) -> None:
    with pytest.raises(StoreError, match="no presets are found"):
        read_import(text)


@given(st.text(max_size=60))
def test_whatever_is_found_makes_sound_preset_lines(text: str) -> None:
    try:
        found = read_import(text)
    except StoreError:
        return
    assert bool(found.presets) != bool(found.elements)
    for name, weights in found.presets:
        assert PresetBook.parse(f"{name}:{weights}").names() == (name,)
