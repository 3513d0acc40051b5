"""The analysis in the list of scripts: called over HTTP as the reference's README has it, whole and interrupted."""

import threading
import time

from tests.webui.client import Answer, WebUI, same

PROMPT = "a house by the sea"
ALL_CELLS = 19
"""Every block of the 17 at 0 in turn, the LoRA whole, and none: its text encoder is a block too."""


def analyse(webui: WebUI, lora: str, blocks: str, steps: int) -> Answer:
    arguments = ["", True, 2, *[""] * 6, "0,1", blocks, 1, "black", 20, False, "", "", ""]
    prompt = f"{PROMPT} <lora:{lora}:1:lbw=XYZ>"
    return webui.draw(prompt, script_name="LoRA Block Weight", script_args=arguments, steps=steps)


def drawn(answer: Answer) -> list[bytes]:
    """The pictures, without the two grids before them."""
    return [picture.tobytes() for picture in answer.pictures[2:]]


def test_each_cell_is_the_picture_of_its_prompt(webui: WebUI, plain: str) -> None:
    cells = drawn(analyse(webui, plain, "OUT04,OUT05", 2))
    for tag in (":lbw=1,OUT04@0", ":lbw=1,OUT05@0", ""):
        assert webui.draw(f"{PROMPT} <lora:{plain}:1{tag}>").picture.tobytes() in cells


def test_interrupted_it_keeps_what_it_has(webui: WebUI, plain: str) -> None:
    answers: list[Answer] = []
    before = webui.draw(PROMPT, steps=8).picture
    job = threading.Thread(target=lambda: answers.append(analyse(webui, plain, "ALL", 8)))
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
