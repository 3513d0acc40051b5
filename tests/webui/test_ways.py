"""Every way to a picture: steps, batches, second passes, other pictures, programs, plots."""

from typing import Any

import numpy as np
import pytest

from tests.webui.client import SIZE, WebUI, distance, encoded, near, same, second_pass
from tests.webui.plot import plot_arguments
from tests.webui.sd15_layers import attention

PROMPT = "a house by the sea"
SAMPLERS = ("Euler", "Heun", "DPM2", "DPM++ 2M", "DPM++ SDE", "UniPC", "DDIM", "LCM", "HeunPP2", "Heun Comfy")
MANY_CALLS = ("Heun", "HeunPP2", "Heun Comfy")  # the host knows that of the first one only


def needs_sampler(webui: WebUI, sampler: str) -> None:
    if sampler not in {each["name"] for each in webui.call("GET", "/sdapi/v1/samplers")}:
        pytest.skip(f"this WebUI has no {sampler}")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_window_counts_steps_on_every_sampler(webui: WebUI, unet_only: str, sampler: str) -> None:
    needs_sampler(webui, sampler)
    settings = {"sampler_name": sampler, "steps": 4}
    tag = f"{PROMPT} <lora:{unet_only}:1"
    plain, none = webui.draw(f"{tag}>", **settings).picture, webui.draw(PROMPT, **settings).picture
    assert not same(plain, none)
    assert near(webui.draw(f"{tag}:start=0:stop=4>", **settings).picture, plain)
    assert near(webui.draw(f"{tag}:stop=0>", **settings).picture, none)
    first, last = (webui.draw(f"{tag}:{window}>", **settings).picture for window in ("stop=2", "start=2"))
    assert not near(first, last)
    assert near(webui.draw(f"{tag}:step=0-2>", **settings).picture, first)
    assert near(webui.draw(f"{tag}:stop=0.5>", **settings).picture, first)
    assert same(webui.draw(f"{tag}>", **settings).picture, plain), "after a schedule the plain tag is whole again"


@pytest.mark.parametrize("sampler", MANY_CALLS)
def test_a_window_has_all_calls_of_its_steps(webui: WebUI, unet_only: str, sampler: str) -> None:
    """The last step, from the smallest sigma to none, changes next to nothing: it is one call, and the last."""
    needs_sampler(webui, sampler)
    settings = {"sampler_name": sampler, "steps": 4}
    tag = f"{PROMPT} <lora:{unet_only}:1"
    plain, none = webui.draw(f"{tag}>", **settings).picture, webui.draw(PROMPT, **settings).picture
    others, last = (webui.draw(f"{tag}:{window}>", **settings).picture for window in ("stop=3", "start=3"))
    least = distance(plain, none) / 8
    assert distance(others, plain) < least
    assert distance(last, none) < least


def test_a_window_goes_with_weights(webui: WebUI, plain: str) -> None:
    windowed = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0:start=0:stop=2>").picture
    assert near(windowed, webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>").picture)


def test_batches_have_the_weights_in_every_picture(webui: WebUI, plain: str) -> None:
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0:stop=1>"
    batch = webui.draw(prompt, batch_size=2, n_iter=2, seed=21)
    pictures = batch.pictures[-4:]
    for number, picture in enumerate(pictures):
        assert near(picture, webui.draw(prompt, seed=21 + number).picture)


def test_the_second_pass_has_loras_of_its_own(webui: WebUI, plain: str, unet_only: str) -> None:
    hires = second_pass(webui)
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>"
    same_tags = webui.draw(prompt, **hires).picture
    assert same_tags.shape[0] > SIZE
    silent = f"{PROMPT} <lora:{unet_only}:1:lbw=NONE>"
    other = webui.draw(prompt, hr_prompt=silent, **hires).picture
    assert not same(same_tags, other)
    assert same(other, webui.draw(prompt, hr_prompt=PROMPT, **hires).picture)


def test_the_second_pass_has_weights_of_its_own(webui: WebUI, plain: str) -> None:
    hires = second_pass(webui)
    one, two = (webui.cut(f"without_{block}", plain, attention(block)) for block in ("OUT05", "OUT06"))
    expected = webui.draw(f"{PROMPT} <lora:{one}:1>", hr_prompt=f"{PROMPT} <lora:{two}:1>", **hires).picture
    first, second = (f"{PROMPT} <lora:{plain}:1:lbw=1,{block}@0>" for block in ("OUT05", "OUT06"))
    assert same(webui.draw(first, hr_prompt=second, **hires).picture, expected)
    assert not same(webui.draw(first, **hires).picture, expected)


INPAINTING = {"whole": {"inpaint_full_res": False}, "masked only": {"inpaint_full_res": True}}


@pytest.mark.parametrize("kind", ["img2img", *INPAINTING])
def test_pictures_from_pictures(webui: WebUI, plain: str, kind: str) -> None:
    source = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    mask[SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 255
    settings: dict[str, Any] = {"init_images": [encoded(source)], "denoising_strength": 0.9, "steps": 3}
    if kind in INPAINTING:
        settings |= {"mask": encoded(mask), "inpainting_fill": 1, **INPAINTING[kind]}
    partial = webui.cut("without_OUT05", plain, attention("OUT05"))
    webui.draw(PROMPT, "img2img", **settings)  # the first one after a batch differs on some hosts, LoRA or not
    none = webui.draw(PROMPT, "img2img", **settings).picture
    assert same(webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=NONE>", "img2img", **settings).picture, none)
    whole = webui.draw(f"{PROMPT} <lora:{plain}:1>", "img2img", **settings).picture
    assert same(webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=ALL>", "img2img", **settings).picture, whole)
    for window in ("", ":stop=1"):
        off = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0{window}>", "img2img", **settings).picture
        assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1{window}>", "img2img", **settings).picture)
        assert not same(off, whole)


def test_batches_from_a_picture(webui: WebUI, plain: str) -> None:
    """Rounding differs between batches and single pictures, and random weights enlarge it: batches are compared."""
    source = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    settings: dict[str, Any] = {"init_images": [encoded(source)], "denoising_strength": 0.9, "steps": 3, "seed": 21}
    partial = webui.cut("without_OUT05", plain, attention("OUT05"))
    for size, count in ((2, 1), (1, 2)):
        webui.draw(PROMPT, "img2img", batch_size=size, n_iter=count, **settings)  # differs on some hosts, as above
        batches = [
            webui.draw(f"{PROMPT} {tag}", "img2img", batch_size=size, n_iter=count, **settings).pictures[-2:]
            for tag in (
                f"<lora:{plain}:1:lbw=1,OUT05@0:stop=1>",
                f"<lora:{partial}:1:stop=1>",
                f"<lora:{plain}:1:stop=1>",
            )
        ]
        off, expected, whole = batches
        assert all(same(one, other) for one, other in zip(off, expected, strict=True))
        assert not any(same(one, other) for one, other in zip(off, whole, strict=True))


def test_batches_with_a_second_pass(webui: WebUI, plain: str, unet_only: str) -> None:
    settings = {**second_pass(webui), "hr_prompt": f"{PROMPT} <lora:{unet_only}:1:lbw=1,OUT06@0:start=1>"}
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>"
    batch = webui.draw(prompt, n_iter=2, seed=21, **settings)
    for number, picture in enumerate(batch.pictures[-2:]):
        assert same(picture, webui.draw(prompt, seed=21 + number, **settings).picture)


def test_programs_call_as_before(webui: WebUI, plain: str) -> None:
    """The call of the reference's README: presets in the arguments of the script."""
    presets = "SUITE:1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1"
    answer = webui.draw(
        f"{PROMPT} <lora:{plain}:1:1:lbw=SUITE>",
        alwayson_scripts={"LoRA Block Weight": {"args": [presets, True, 1, *[""] * 14]}},
    )
    assert same(answer.picture, webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>").picture)


def test_the_plot_of_the_webui_has_our_axes(webui: WebUI, plain: str) -> None:
    arguments = plot_arguments(webui, "[LBW] Block off", "OUT04,OUT05")
    answer = webui.draw(f"{PROMPT} <lora:{plain}:1>", script_name="X/Y/Z plot", script_args=arguments)
    alone = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>").picture
    assert any(picture.shape == alone.shape and same(picture, alone) for picture in answer.pictures)
