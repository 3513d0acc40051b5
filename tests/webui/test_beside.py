"""Beside other extensions, where they are installed: what they draw has the weights too, and nothing stays behind.

The relations are the same as without them, bit for bit: a block that is off is as if it were not in the file.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.webui.client import SIZE, Refused, WebUI, encoded, same
from tests.webui.sd15_layers import attention, text_encoder

PROMPT = "a house by the sea"
OFF = "OUT05"
WITHOUT = f":lbw=1,{OFF}@0"
REGIONS = {
    "active": True, "debug": False, "mode": "Matrix", "matrix": "Columns", "mask": "Mask", "prompt": "Prompt",
    "ratios": "1,1", "base ratios": "0", "base": False, "common": False, "common negative": False,
    "calculation": "Latent", "options": [False], "negative text encoder": "0", "negative U-Net": "0",
    "threshold": "0", "mask file": "", "stop": "0", "stop in hires": "0", "flip": False,
}  # fmt: skip
"""The arguments of Regional Prompter, in its order."""


@pytest.fixture(scope="module")
def pair(webui: WebUI) -> tuple[str, str]:
    """A LoRA of the text encoder and three blocks, and the same without the block OFF."""
    kept = {**text_encoder(), **attention("IN05"), **attention("OUT04")}
    whole = webui.write("beside_whole", {**kept, **attention(OFF)}, strength=0.2)
    return whole, webui.write("beside_without", kept, strength=0.2)


def installed(webui: WebUI, name: str) -> str:
    """Return the name under which the WebUI lists a script that begins with `name`; skip the test without one."""
    found = [each for each in webui.call("GET", "/sdapi/v1/scripts")["txt2img"] if each.lower().startswith(name)]
    if not found:
        pytest.skip(f"{name} is not installed")
    return str(found[0])


def run(script: str, *arguments: Any) -> dict[str, Any]:
    """The field of a request that gives an extension its arguments."""
    return {"alwayson_scripts": {script: {"args": list(arguments)}}}


@pytest.fixture(scope="module")
def detailed(webui: WebUI) -> Any:
    """ADetailer with a prompt of its own: what draws inside is found by its first model, whatever that is."""
    script = installed(webui, "adetailer")
    models = [name for name in webui.call("GET", "/adetailer/v1/ad_model")["ad_model"] if name.endswith(".pt")]
    if not models:
        pytest.skip("ADetailer has no model")

    def fields(prompt: str, **more: Any) -> dict[str, Any]:
        inside = {"ad_model": models[0], "ad_prompt": prompt, "ad_confidence": 0.01, "ad_mask_k": 1,
                  "ad_denoising_strength": 0.9, "ad_inpaint_only_masked": False, **more}  # fmt: skip
        return run(script, True, False, inside)

    if same(webui.draw(PROMPT, **fields("a red brick wall")).picture, webui.draw(PROMPT).picture):
        pytest.skip("ADetailer's model finds nothing in these pictures")
    return fields


def test_adetailer_draws_with_the_weights_of_its_prompt(
    webui: WebUI, detailed: Any, pair: tuple[str, str], unet_only: str
) -> None:
    whole, partial = pair
    outer = f"{PROMPT} <lora:{unet_only}:1:lbw=1,OUT06@0>"
    before = webui.draw(outer).picture
    off = webui.draw(outer, **detailed(f"a wall <lora:{whole}:1{WITHOUT}>"))
    assert same(off.picture, webui.draw(outer, **detailed(f"a wall <lora:{partial}:1>")).picture)
    assert not same(off.picture, webui.draw(outer, **detailed(f"a wall <lora:{whole}:1>")).picture)
    assert same(
        webui.draw(outer, **detailed(f"a wall <lora:{whole}:1:lbw=NONE>")).picture,
        webui.draw(outer, **detailed("a wall")).picture,
    )
    assert recorded(off.parameters) == [unet_only], "of the picture, not of the pass inside"
    assert same(webui.draw(outer).picture, before)


def test_adetailer_without_a_prompt_takes_the_tags_of_the_picture(
    webui: WebUI, detailed: Any, pair: tuple[str, str]
) -> None:
    whole, partial = pair
    for more in ("", ":stop=1"):
        off = webui.draw(f"{PROMPT} <lora:{whole}:1{WITHOUT}{more}>", **detailed("")).picture
        assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1{more}>", **detailed("")).picture)
        assert not same(off, webui.draw(f"{PROMPT} <lora:{whole}:1{more}>", **detailed("")).picture)
    plain = webui.draw(PROMPT).picture
    webui.draw(f"{PROMPT} <lora:{whole}:1:stop=1>", **detailed(""))
    assert same(webui.draw(PROMPT).picture, plain)


def test_adetailer_leaves_the_next_picture_of_a_batch_its_own_weights(
    webui: WebUI, detailed: Any, pair: tuple[str, str], unet_only: str
) -> None:
    whole, _ = pair
    prompt = f"{PROMPT} <lora:{whole}:1{WITHOUT}:stop=1>"
    fields = detailed(f"a wall <lora:{unet_only}:1:lbw=1,OUT06@0:start=1>")
    batch = webui.draw(prompt, seed=5, n_iter=2, **fields).pictures[-2:]
    for number, picture in enumerate(batch):
        assert same(picture, webui.draw(prompt, seed=5 + number, **fields).picture)


def test_a_bad_directive_inside_adetailer_is_told(webui: WebUI, detailed: Any, pair: tuple[str, str]) -> None:
    whole, _ = pair
    before = webui.draw(PROMPT).picture
    inside = detailed(f"a wall <lora:{whole}:1:lbw=NOSUCHPRESET>")
    with pytest.raises(Refused) as caught:
        webui.draw(PROMPT, **inside)
    assert "NOSUCHPRESET" in caught.value.text
    ignored = webui.draw(PROMPT, **inside, override_settings={"lbw_on_bad_directive": "ignore"})
    assert "NOSUCHPRESET' is neither" in ignored.parameters
    assert same(ignored.picture, webui.draw(PROMPT, **detailed(f"a wall <lora:{whole}:1>")).picture)
    assert same(webui.draw(PROMPT).picture, before)


def arguments_of(webui: WebUI, script: str) -> int:
    """How many arguments a script takes."""
    told = webui.call("GET", "/sdapi/v1/script-info")
    return next(len(each["args"]) for each in told if each["name"] == script and not each["is_img2img"])


def painted(calculation: str, prompt: str) -> tuple[Any, ...]:
    """The arguments of the Regional Prompter for Neo: a picture of the regions, and a prompt for each colour."""
    halves = np.zeros((SIZE, SIZE, 3), np.uint8)
    halves[:, : SIZE // 2, 0] = halves[:, SIZE // 2 :, 2] = 255
    prompts = [{"color": color, "prompt": prompt, "weight": 1} for color in ([255, 0, 0], [0, 0, 255])]
    return True, calculation, encoded(halves), json.dumps(prompts)


@pytest.mark.parametrize("calculation", ["Attention", "Latent"])
@pytest.mark.parametrize("negative", ["0", "1"])
def test_regions_have_the_weights_of_their_tags(
    webui: WebUI, pair: tuple[str, str], unet_only: str, calculation: str, negative: str
) -> None:
    whole, partial = pair
    script = installed(webui, "regional prompter")
    other = f"<lora:{unet_only}:1:lbw=1,OUT06@0>"
    plain, tagged = webui.draw(PROMPT).picture, webui.draw(f"{PROMPT} <lora:{whole}:1>").picture
    if arguments_of(webui, script) == len(painted("Attention", "")):
        if negative != "0":
            pytest.skip("this Regional Prompter has no LoRAs by region")
        fields = run(script, *painted(calculation, f"a cat {other}"))
        try:
            webui.draw(PROMPT, **run(script, *painted(calculation, "a cat")))
        except Refused as refused:
            pytest.skip(f"this Regional Prompter fails without any LoRA: {refused.text[:120]}")
    else:
        settings = {"calculation": calculation, "negative text encoder": negative, "negative U-Net": negative}
        fields = run(script, *{**REGIONS, **settings}.values())

    def regions(tag: str) -> np.ndarray:
        return webui.draw(f"{PROMPT} {tag} BREAK a cat {other}", steps=3, **fields).picture

    off = regions(f"<lora:{whole}:1{WITHOUT}>")
    assert same(off, regions(f"<lora:{partial}:1>"))
    assert not same(off, webui.draw(f"{PROMPT} <lora:{whole}:1{WITHOUT}> BREAK a cat {other}", steps=3).picture)
    assert not same(off, regions(f"<lora:{whole}:1>"))
    assert same(regions(f"<lora:{whole}:1:lbw=ALL>"), regions(f"<lora:{whole}:1>"))
    windows = [regions(f"<lora:{name}:stop=1>") for name in (f"{whole}:1{WITHOUT}", f"{partial}:1")]
    assert same(*windows)
    assert same(webui.draw(PROMPT).picture, plain)
    assert same(webui.draw(f"{PROMPT} <lora:{whole}:1>").picture, tagged)


def test_dynamic_prompts_may_choose_weights(webui: WebUI, pair: tuple[str, str]) -> None:
    script = installed(webui, "dynamic prompts")
    whole, partial = pair
    every = run(script, True, True, 1)
    if "{" in webui.draw("{a house|a cat}", **every).parameters.split("\n")[0]:
        pytest.skip("Dynamic Prompts chooses nothing here: it lacks a package or its settings")
    prompt = f"{{{PROMPT}|a cat}} <lora:{whole}:1:lbw=1,{OFF}@{{0|0.5}}>"
    answer = webui.draw(prompt, n_iter=4, seed=3, **every)
    pictures, texts = answer.pictures[-4:], answer.info["infotexts"][-4:]
    weights = [re.findall(rf"{OFF}@([\d.]+)>", text)[0] for text in texts]
    assert sorted(weights) == ["0", "0", "0.5", "0.5"]
    for picture, text, seed in zip(pictures, texts, answer.info["all_seeds"], strict=True):
        drawn = text.split("\n")[0]
        assert same(picture, webui.draw(drawn, seed=seed).picture)
        if f"{OFF}@0>" in drawn:
            assert same(picture, webui.draw(drawn.replace(f"{whole}:1{WITHOUT}", f"{partial}:1"), seed=seed).picture)


@pytest.mark.parametrize("kind", ["control", "adapter"])
def test_controlnet_goes_with_weights(webui: WebUI, pair: tuple[str, str], kind: str) -> None:
    script = installed(webui, "controlnet")
    whole, partial = pair
    names = [name for name in webui.call("GET", "/controlnet/model_list")["model_list"] if kind in name]
    modules = webui.call("GET", "/controlnet/module_list")["module_list"]
    none = next(name for name in modules if name.lower() == "none")  # Neo finds no preprocessor in other letters
    picture = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    unit: Mapping[str, Any] = {"enabled": bool(names), "module": none, "model": names[0] if names else "None",
                               "image": encoded(picture), "weight": 0.5}  # fmt: skip
    fields = run(script, unit)
    before = webui.draw(f"{PROMPT} <lora:{whole}:1{WITHOUT}>").picture
    acts = not same(webui.draw(f"{PROMPT} <lora:{whole}:1{WITHOUT}>", **fields).picture, before)
    for more in ("", ":stop=1"):
        off = webui.draw(f"{PROMPT} <lora:{whole}:1{WITHOUT}{more}>", **fields).picture
        assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1{more}>", **fields).picture)
        assert not same(off, webui.draw(f"{PROMPT} <lora:{whole}:1{more}>", **fields).picture)
    assert same(webui.draw(f"{PROMPT} <lora:{whole}:1{WITHOUT}>").picture, before)
    if not acts:
        pytest.skip(f"ControlNet has no {kind} that acts: seen with its units at rest only")


def recorded(parameters: str) -> list[str]:
    """The LoRAs in what a picture's parameters tell of block weights."""
    return re.findall(r"<lora:([^:>]+)", parameters.partition("LBW: ")[2])
