"""The analysis in the list of scripts: called over HTTP as the reference's README has it, whole and interrupted."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from tests.webui.client import SIZE, Answer, WebUI, encoded, same, second_pass
from tests.webui.plot import plot_arguments

PROMPT = "a house by the sea"
ALL_CELLS = 19
"""Every block of the 17 at 0 in turn, the LoRA whole, and none: its text encoder is a block too."""


def analyse(webui: WebUI, lora: str, blocks: str, seeds: int = 1, **fields: Any) -> Answer:
    arguments = ["", True, 2, *[""] * 6, "0,1", blocks, seeds, "black", 20, False, "", "", ""]
    prompt = f"{PROMPT} <lora:{lora}:1:lbw=XYZ>"
    return webui.draw(prompt, script_name="LoRA Block Weight", script_args=arguments, **fields)


def drawn(answer: Answer) -> list[bytes]:
    """The pictures and the maps of their differences, without the grids before them."""
    return [picture.tobytes() for picture in answer.pictures[answer.info["index_of_first_image"] :]]


@pytest.fixture
def from_a_picture(webui: WebUI) -> dict[str, Any]:
    source = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    return {"route": "img2img", "init_images": [encoded(source)], "denoising_strength": 0.9, "steps": 3}


@pytest.fixture
def inpainted(from_a_picture: dict[str, Any]) -> dict[str, Any]:
    mask = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    mask[SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 255
    return {**from_a_picture, "mask": encoded(mask), "inpainting_fill": 1, "inpaint_full_res": True}


@pytest.mark.parametrize("way", ["from_a_picture", "inpainted", "two passes"])
def test_each_cell_is_the_picture_of_its_prompt_in_every_way(
    webui: WebUI, plain: str, way: str, request: pytest.FixtureRequest
) -> None:
    fields = second_pass(webui) if way == "two passes" else request.getfixturevalue(way)
    webui.draw(PROMPT, **fields)  # the first one of a new size or way differs on some hosts, LoRA or not
    cells = drawn(analyse(webui, plain, "OUT04,OUT05", **fields))
    assert len(cells) == 4 + 3, "no LoRA, the LoRA whole, two blocks, and a map for each but the LoRA whole"
    tags = (f" <lora:{plain}:1{weights}>" for weights in (":lbw=1,OUT04@0", ":lbw=1,OUT05@0", ""))
    alone = {webui.draw(f"{PROMPT}{tag}", **fields).picture.tobytes() for tag in (*tags, " ")}
    assert len(alone) == 4
    assert alone <= set(cells)


def test_the_second_prompt_gets_the_weights_of_the_cell(webui: WebUI, plain: str, unet_only: str) -> None:
    hires = second_pass(webui)
    other = f"a tower <lora:{unet_only}:1>"
    cells = drawn(analyse(webui, plain, "OUT05", hr_prompt=f"{other} <lora:{plain}:1>", **hires))
    off = f"<lora:{plain}:1:lbw=1,OUT05@0>"
    assert webui.draw(f"{PROMPT} {off}", hr_prompt=f"{other} {off}", **hires).picture.tobytes() in cells


def test_several_seeds_are_drawn_from_one_picture(webui: WebUI, plain: str, from_a_picture: dict[str, Any]) -> None:
    answer = analyse(webui, plain, "OUT05", 2, **from_a_picture)
    off, cells = f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>", drawn(answer)
    seeds = {int(text.partition("Seed: ")[2].partition(",")[0]) for text in answer.info["infotexts"]}
    assert len(seeds) == 2
    for seed in seeds:
        webui.draw(off, seed=seed, **from_a_picture)  # A1111 encodes a picture with what chance the last one left
        assert webui.draw(off, seed=seed, **from_a_picture).picture.tobytes() in cells


def test_a_typo_in_one_cell_of_the_webuis_own_plot_is_told_of(webui: WebUI, plain: str) -> None:
    """The plot draws on, with a black cell, and returns what was said to its first one."""
    arguments = plot_arguments(webui, "Prompt S/R", "OUTALL,OUTAL,MIDD")
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>"
    answer = webui.draw(prompt, script_name="X/Y/Z plot", script_args=arguments)
    assert "did you mean OUTALL?" in answer.info["extra_generation_params"]["LBW notes"]
    last = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=MIDD>").picture
    assert any(picture.shape == last.shape and same(picture, last) for picture in answer.pictures)


def test_each_cell_is_the_picture_of_its_prompt(webui: WebUI, plain: str) -> None:
    cells = drawn(analyse(webui, plain, "OUT04,OUT05"))
    for tag in (":lbw=1,OUT04@0", ":lbw=1,OUT05@0", ""):
        assert webui.draw(f"{PROMPT} <lora:{plain}:1{tag}>").picture.tobytes() in cells


def test_interrupted_it_keeps_what_it_has(webui: WebUI, plain: str) -> None:
    answers: list[Answer] = []
    before = webui.draw(PROMPT, steps=8).picture
    job = threading.Thread(target=lambda: answers.append(analyse(webui, plain, "ALL", steps=8)))
    job.start()
    while job.is_alive():
        if webui.call("GET", "/sdapi/v1/progress?skip_current_image=true")["state"]["job"].startswith(("4 ", "5 ")):
            webui.call("POST", "/sdapi/v1/interrupt", {})
            break
        time.sleep(0.1)
    job.join()
    cells = drawn(answers[0])
    assert 3 <= len(cells) < 2 * ALL_CELLS - 1, "pictures, and maps of their differences"
    assert before.tobytes() in cells
    assert same(webui.draw(PROMPT, steps=8).picture, before)
