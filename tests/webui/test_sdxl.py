"""Stable Diffusion XL: every block, both text encoders, 12 and 20 numbers, exact bit for bit as with SD1.5.

These tests run where the WebUI draws with an SDXL checkpoint, the others of this folder where it does not.
"""

import urllib.parse
import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.webui.client import WebUI, near, same
from tests.webui.conftest import seen
from tests.webui.sdxl_layers import Layers, text_encoders, transformer_layer, unet

PROMPT = "a house by the sea"
BLOCKS: dict[str, Layers] = {**text_encoders(), **unet()}
FULL = ("BASE", *unet())
SHORT = ("BASE", "IN04", "IN05", "IN07", "IN08", "MID", "OUT00", "OUT01", "OUT02", "OUT03", "OUT04", "OUT05")


@pytest.fixture(scope="module")
def webui(running: WebUI, is_sdxl: bool) -> WebUI:
    if not is_sdxl:
        pytest.skip("the WebUI does not draw with an SDXL checkpoint")
    return replace(running, base="sdxl_base_v1-0")


@pytest.fixture(scope="module")
def whole(webui: WebUI) -> str:
    """A LoRA on both text encoders and on every block of the U-Net."""
    layers = {name: shape for block in BLOCKS.values() for name, shape in block.items()}
    return seen(webui, webui.write("xl", layers))


@pytest.fixture(scope="module")
def plainly(webui: WebUI, whole: str) -> np.ndarray:
    """What its plain tag draws."""
    return drawn(webui, f"<lora:{whole}:1>")


@pytest.fixture(scope="module")
def other(webui: WebUI) -> str:
    """A LoRA on three blocks of the U-Net."""
    return seen(webui, webui.write("xl_other", layers_of(("IN05", "MID", "OUT01")), seed=2, strength=0.2))


def layers_of(blocks: Collection[str]) -> Layers:
    """The layers of some blocks; BASE is both text encoders."""
    names = {each for name in blocks for each in (text_encoders() if name == "BASE" else (name,))}
    return {name: shape for block in BLOCKS if block in names for name, shape in BLOCKS[block].items()}


def without(webui: WebUI, name: str, layers: Collection[str]) -> str:
    """Return the tag of a copy of the LoRA without some layers."""
    number = zlib.crc32(repr((name, sorted(layers))).encode())  # another name for another content: hosts may keep it
    return f"<lora:{webui.cut(f'xl_{number:08x}', name, layers)}:1>"


def vector(blocks: Sequence[str], off: Collection[str]) -> str:
    """The numbers of `blocks`: 0 where one is off, else 1."""
    return ",".join("0" if block in off else "1" for block in blocks)


def drawn(webui: WebUI, tags: str, **settings: Any) -> np.ndarray:
    return webui.draw(f"{PROMPT} {tags}".rstrip(), **settings).picture


@pytest.mark.parametrize("block", ["BASE", *BLOCKS])
def test_a_block_that_is_off_is_as_if_it_were_not_in_the_file(
    webui: WebUI, whole: str, plainly: np.ndarray, block: str
) -> None:
    off = drawn(webui, f"<lora:{whole}:1:lbw=1,{block}@0>")
    assert same(off, drawn(webui, without(webui, whole, layers_of([block]))))
    assert not same(off, plainly)


def test_none_is_no_lora_and_all_is_the_plain_tag(webui: WebUI, whole: str, plainly: np.ndarray) -> None:
    none = drawn(webui, "")
    assert not same(none, plainly)
    assert same(drawn(webui, f"<lora:{whole}:1:lbw=NONE>"), none)
    assert same(drawn(webui, f"<lora:{whole}:1:lbw=ALL>"), plainly)
    assert same(drawn(webui, f"<lora:{whole}:1>"), plainly)
    assert same(drawn(webui, ""), none)


def test_half_a_weight_is_half_the_multiplier(webui: WebUI, whole: str) -> None:
    assert near(drawn(webui, f"<lora:{whole}:1:lbw=0.5>"), drawn(webui, f"<lora:{whole}:0.5>"))


def test_twenty_numbers_are_every_block(webui: WebUI, whole: str, plainly: np.ndarray) -> None:
    off = ("IN02", "IN06", "OUT01", "OUT08")
    numbered = drawn(webui, f"<lora:{whole}:1:lbw={vector(FULL, off)}>")
    assert same(numbered, drawn(webui, without(webui, whole, layers_of(off))))
    assert same(numbered, drawn(webui, f"<lora:{whole}:1:{vector(FULL, off)}>")), "as older prompts write it"
    assert same(drawn(webui, f"<lora:{whole}:1:lbw={vector(FULL, ())}>"), plainly)


def test_twelve_numbers_are_the_text_and_the_transformers(webui: WebUI, whole: str) -> None:
    off = {"BASE", "MID", "OUT03"} | {*FULL} - {*SHORT}
    expected = drawn(webui, without(webui, whole, layers_of(off)))
    assert same(drawn(webui, f"<lora:{whole}:1:lbw={vector(SHORT, off)}>"), expected)


def test_presets_know_the_blocks_of_sdxl(webui: WebUI, whole: str) -> None:
    off = [block for block in unet() if not block.startswith("OUT")]
    assert same(drawn(webui, f"<lora:{whole}:1:lbw=OUTALL>"), drawn(webui, without(webui, whole, layers_of(off))))


def test_a_transformer_layer_has_a_weight_of_its_own(webui: WebUI, whole: str, plainly: np.ndarray) -> None:
    off = {**transformer_layer("IN07", 1), **transformer_layer("IN08", 1)}
    one = drawn(webui, f"<lora:{whole}:1:lbw=1,IN07-IN08.1@0>")
    assert same(one, drawn(webui, without(webui, whole, off)))
    assert not same(one, plainly)


def test_a_window_of_steps_goes_with_weights(webui: WebUI, whole: str) -> None:
    tag, steps = f"<lora:{whole}:1:lbw=1,OUT01@0", {"steps": 4}
    partial = without(webui, whole, layers_of(["OUT01"]))[:-1]
    always, never = drawn(webui, f"{tag}>", **steps), drawn(webui, f"{tag}:stop=0>", **steps)
    assert near(drawn(webui, f"{tag}:start=0:stop=4>", **steps), always)
    for window in ("stop=2", "start=2", "step=1-3"):
        windowed = drawn(webui, f"{tag}:{window}>", **steps)
        assert same(windowed, drawn(webui, f"{partial}:{window}>", **steps))
        assert not near(windowed, always)
        assert not near(windowed, never)
    assert same(drawn(webui, f"{tag}:stop=0.5>", **steps), drawn(webui, f"{tag}:stop=2>", **steps))
    assert same(drawn(webui, f"{tag}>", **steps), always)


def test_every_picture_of_a_batch_has_the_weights(webui: WebUI, whole: str) -> None:
    prompt = f"{PROMPT} <lora:{whole}:1:lbw=1,OUT01@0:stop=1>"
    batch = webui.draw(prompt, batch_size=2, n_iter=2, seed=21).pictures[-4:]
    for number, picture in enumerate(batch):
        assert near(picture, webui.draw(prompt, seed=21 + number).picture)


def test_two_loras_each_have_their_own_weights(webui: WebUI, whole: str, other: str) -> None:
    both = drawn(webui, f"<lora:{whole}:1:lbw=1,OUT01@0> <lora:{other}:1:lbw=1,MID@0>")
    one, two = (without(webui, name, layers_of([block])) for name, block in ((whole, "OUT01"), (other, "MID")))
    assert same(both, drawn(webui, f"{one} {two}"))
    assert not same(both, drawn(webui, f"<lora:{whole}:1:lbw=1,MID@0> <lora:{other}:1:lbw=1,OUT01@0>"))
    assert same(drawn(webui, f"{one} <lora:{other}:1:lbw=NONE>"), drawn(webui, one))


def test_the_second_pass_has_weights_of_its_own(webui: WebUI, whole: str) -> None:
    hires: dict[str, Any] = {
        "enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7,
        "hr_second_pass_steps": 2, "hr_additional_modules": ["Use same choices"],
    }  # fmt: skip
    one, two = (f"{PROMPT} {without(webui, whole, layers_of([block]))}" for block in ("OUT01", "OUT02"))
    first, second = (f"{PROMPT} <lora:{whole}:1:lbw=1,{block}@0>" for block in ("OUT01", "OUT02"))
    expected = webui.draw(one, hr_prompt=two, **hires).picture
    assert same(webui.draw(first, hr_prompt=second, **hires).picture, expected)
    assert not same(webui.draw(first, **hires).picture, expected)


def test_the_parameters_hold_twenty_numbers(webui: WebUI, whole: str) -> None:
    answer = webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=OUTALL,MID@0.25>")
    numbers = answer.parameters.split("LBW: ")[1]
    tag = numbers[numbers.index("<lora") : numbers.index(">") + 1]
    assert "OUTALL" not in tag
    assert tag.count(",") == len(FULL) - 1
    assert same(drawn(webui, tag), answer.picture)


def test_the_routes_know_the_family(webui: WebUI, whole: str) -> None:
    told = webui.call("GET", f"/lbw/lora/{urllib.parse.quote(whole)}")
    assert told["family"]["id"] == "sdxl"
    assert {*unet()} <= {*told["present"]}
