"""A second checkpoint takes over in the middle of a picture: the weights hold before and after."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.webui.client import Refused, WebUI, near, same
from tests.webui.sd15_layers import attention, text_encoder

PROMPT = "a house by the sea"
OFF = "OUT05"
SETTINGS = {"sd_checkpoints_limit": 2, "refiner_use_steps": True}
"""Where a WebUI has them.

A1111 that has to make the second checkpoint anew drops all LoRAs of the prompt, plain tags too, so both stay loaded.
Neo can switch at a noise level instead of a step.
"""


@pytest.fixture(scope="module")
def refined(webui: WebUI, unet_only: str) -> Iterator[dict[str, Any]]:
    """The fields of a request that let another checkpoint draw the second half of four steps."""
    options = webui.call("GET", "/sdapi/v1/options")
    now, before = options["sd_model_checkpoint"], {key: options[key] for key in SETTINGS if key in options}
    titles = [each["title"] for each in webui.call("GET", "/sdapi/v1/sd-models")]
    others = [title for title in titles if title.split(" [")[0] != now.split(" [")[0]]  # Neo keeps it without the hash
    webui.call("POST", "/sdapi/v1/options", {key: SETTINGS[key] for key in before})
    try:
        found = next(filter(None, (_drawing(webui, title, unet_only) for title in others)), None)
        if found is None:
            pytest.skip("this WebUI has no second checkpoint that draws")
        assert not same(webui.draw(PROMPT, **found).picture, webui.draw(PROMPT, steps=4).picture), "no refiner"
        yield found
    finally:
        webui.call("POST", "/sdapi/v1/options", before)


def _drawing(webui: WebUI, title: str, lora: str) -> dict[str, Any] | None:
    """The fields for one checkpoint; None where it draws nothing, or is one that the suite's LoRAs do not fit."""
    alone: dict[str, Any] = {"override_settings": {"sd_model_checkpoint": title}}
    try:
        drawn, tagged = (webui.draw(prompt, **alone).picture for prompt in (PROMPT, f"{PROMPT} <lora:{lora}:1>"))
    except Refused:
        return None
    if drawn.std() <= 5 or same(drawn, tagged):
        return None
    return {"steps": 4, "refiner_switch_at": 0.5, "refiner_checkpoint": title}


@pytest.fixture(scope="module")
def pair(webui: WebUI) -> tuple[str, str]:
    """A LoRA of the text encoder and three blocks, and the same without the block OFF."""
    kept = {**text_encoder(), **attention("IN05"), **attention("OUT04")}
    whole = webui.write("refiner_whole", {**kept, **attention(OFF)}, strength=0.2)
    return whole, webui.write("refiner_without", kept, strength=0.2)


@pytest.mark.parametrize("window", ["", ":stop=2", ":start=2", ":step=1-3"])
def test_a_block_that_is_off_is_off_in_both(
    webui: WebUI, refined: dict[str, Any], pair: tuple[str, str], window: str
) -> None:
    whole, partial = pair
    off = webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=1,{OFF}@0{window}>", **refined).picture
    assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1{window}>", **refined).picture)
    assert not same(off, webui.draw(f"{PROMPT} <lora:{whole}:1{window}>", **refined).picture)


def test_nothing_and_all_are_exact_in_both(webui: WebUI, refined: dict[str, Any], pair: tuple[str, str]) -> None:
    whole, _ = pair
    none = webui.draw(PROMPT, **refined).picture
    assert same(webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=NONE>", **refined).picture, none)
    plain = webui.draw(f"{PROMPT} <lora:{whole}:1>", **refined).picture
    assert same(webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=ALL>", **refined).picture, plain)
    assert near(webui.draw(f"{PROMPT} <lora:{whole}:1:start=0:stop=4>", **refined).picture, plain)


def test_windows_count_the_steps_of_both(webui: WebUI, refined: dict[str, Any], unet_only: str) -> None:
    """The U-Net of the first checkpoint has steps 0 and 1, that of the second 2 and 3."""
    plain = webui.draw(f"{PROMPT} <lora:{unet_only}:1>", **refined).picture
    first, second = (webui.draw(f"{PROMPT} <lora:{unet_only}:1:{w}>", **refined).picture for w in ("stop=2", "start=2"))
    assert not near(first, second)
    assert not near(first, plain)
    assert not near(second, plain)
    assert near(webui.draw(f"{PROMPT} <lora:{unet_only}:1:stop=0>", **refined).picture,
                webui.draw(PROMPT, **refined).picture)  # fmt: skip


def test_the_first_checkpoint_comes_back_as_it_was(
    webui: WebUI, refined: dict[str, Any], pair: tuple[str, str]
) -> None:
    whole, _ = pair
    prompts = (PROMPT, f"{PROMPT} <lora:{whole}:1>", f"{PROMPT} <lora:{whole}:1:lbw=OUTALL:stop=1>")
    before = [webui.draw(prompt).picture for prompt in prompts]
    webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=1,{OFF}@0:start=1>", **refined)
    assert all(same(webui.draw(prompt).picture, one) for prompt, one in zip(prompts, before, strict=True))


@pytest.mark.parametrize("limit", [1, 2])
def test_another_checkpoint_has_the_weights_at_once(
    webui: WebUI, refined: dict[str, Any], pair: tuple[str, str], limit: int
) -> None:
    """The limit is the number of checkpoints that stay loaded; with 1 each is made anew."""
    whole, partial = pair
    known = "sd_checkpoints_limit" in webui.call("GET", "/sdapi/v1/options")
    if limit > 1 and not known:
        pytest.skip("this WebUI keeps one checkpoint loaded")
    kept = {"sd_checkpoints_limit": limit} if known else {}
    tagged = f"{PROMPT} <lora:{whole}:1:lbw=1,{OFF}@0>"
    webui.call("POST", "/sdapi/v1/options", kept)
    try:
        here = webui.draw(tagged).picture
        there: dict[str, Any] = {"override_settings": {"sd_model_checkpoint": refined["refiner_checkpoint"]}}
        off = webui.draw(tagged, **there).picture
        assert not same(off, here)
        assert same(webui.draw(tagged).picture, here)
        assert same(webui.draw(f"{PROMPT} <lora:{partial}:1>", **there).picture, off)
        assert not same(webui.draw(f"{PROMPT} <lora:{whole}:1>", **there).picture, off)
    finally:
        webui.call("POST", "/sdapi/v1/options", dict.fromkeys(kept, 2))


def test_loras_of_its_own_for_the_second_checkpoint(webui: WebUI, refined: dict[str, Any]) -> None:
    """Neo takes `low_noise` for `high_noise` then, unless set otherwise; elsewhere the one in the prompt goes on."""
    kept = {**text_encoder(), **attention("IN05"), **attention("OUT04")}
    for seed, noise in enumerate(("high_noise", "low_noise"), 1):
        webui.write(f"refiner_whole_{noise}", {**kept, **attention(OFF)}, strength=0.2, seed=seed)
        webui.write(f"refiner_without_{noise}", kept, strength=0.2, seed=seed)
    whole, partial = (f"lbw_suite_refiner_{name}_high_noise" for name in ("whole", "without"))
    off = webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=1,{OFF}@0>", **refined)
    assert same(off.picture, webui.draw(f"{PROMPT} <lora:{partial}:1>", **refined).picture)
    assert not same(off.picture, webui.draw(f"{PROMPT} <lora:{whole}:1>", **refined).picture)
    told = off.parameters.partition("LBW: ")[2].partition(">")[0]
    assert f"<lora:{whole}:1" in told
    assert "low_noise" not in told
