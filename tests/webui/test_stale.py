"""Never stale: what was changed since the last picture counts in the next one, and what was changed back too."""

import re
from itertools import pairwise

import numpy as np
import pytest

from tests.webui.client import Answer, Refused, WebUI, encoded, near, same, second_pass
from tests.webui.sd15_layers import attention, text_encoder

PROMPT = "a house by the sea"


def record(answer: Answer, number: int = 0) -> str:
    """The tag with numbers in the parameters of a picture."""
    found = re.search(r'LBW: "?(<lora:[^>]+>)', answer.info["infotexts"][number])
    assert found, "the parameters tell no weights"
    return found[1]


def test_a_window_that_is_edited_counts_at_once(webui: WebUI, plain: str) -> None:
    windows = (
        "",
        ":stop=1",
        ":start=1",
        ":step=1-2",
        ":lbw=1,OUT05@0:stop=1",
        ":lbw=1,OUT05@0",
        ":lbw=1,OUT05@0:start=2",
    )
    prompts = [f"{PROMPT} <lora:{plain}:1{window}>" for window in windows]
    first = [webui.draw(prompt, steps=3).picture for prompt in prompts]
    again = [webui.draw(prompt, steps=3).picture for prompt in reversed(prompts)][::-1]
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    assert all(not same(one, other) for one, other in pairwise(first))


def test_weights_of_the_text_encoder_go_through_the_prompt_cache(webui: WebUI, plain: str) -> None:
    """The same words each time: only the weights tell the cached encodings apart."""
    text, unet = (0.0, 0.5, 1.0), ("OUT05@0", "OUT06@0")
    asked = [f"{PROMPT} <lora:{plain}:1:lbw=1,BASE@{te:g},{block}>" for te in text for block in unet]
    first = {prompt: webui.draw(prompt).picture for prompt in asked}
    assert all(not same(one, other) for one, other in pairwise(first.values()))
    for prompt in sorted(asked, key=lambda each: each[::-1]):  # now the text encoder changes each time
        assert same(webui.draw(prompt).picture, first[prompt])


def test_random_weights_are_those_of_the_parameters(webui: WebUI, plain: str) -> None:
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=1,IN01-OUT11@R,BASE@U>"
    one, two = webui.draw(prompt, seed=11), webui.draw(prompt, seed=12)
    assert record(one) != record(two)
    assert same(webui.draw(f"{PROMPT} {record(one)}", seed=11).picture, one.picture)
    assert same(webui.draw(f"{PROMPT} {record(two)}", seed=12).picture, two.picture)


def test_random_weights_in_a_batch_follow_the_first_seed_of_each_round(webui: WebUI, plain: str) -> None:
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=R,MID@1>"
    rounds = webui.draw(prompt, seed=11, n_iter=2)
    alone = [webui.draw(prompt, seed=seed) for seed in (11, 12)]
    start = len(rounds.info["infotexts"]) - 2
    for number, single in enumerate(alone):
        assert record(rounds, start + number) == record(single)
        assert same(rounds.pictures[-2:][number], single.picture)
    batch = webui.draw(prompt, seed=11, batch_size=2)
    start = len(batch.info["infotexts"]) - 2
    assert record(batch, start) == record(batch, start + 1) == record(alone[0])
    expected = [webui.draw(f"{PROMPT} {record(alone[0])}", seed=seed).picture for seed in (11, 12)]
    assert all(near(picture, single) for picture, single in zip(batch.pictures[-2:], expected, strict=True))


def test_a_file_that_goes_away_and_comes_back(webui: WebUI, unet_only: str) -> None:
    layers = {**text_encoder(), **attention("OUT05"), **attention("OUT06")}
    name = webui.write("coming_and_going", layers, seed=5)
    other = f"<lora:{unet_only}:1:lbw=1,OUT06@0>"
    prompt = f"{PROMPT} <lora:{name}:1:lbw=1,OUT06@0> {other}"
    there, alone = webui.draw(prompt).picture, webui.draw(f"{PROMPT} {other}").picture
    assert not same(there, alone)
    (webui.folder / f"{name}.safetensors").unlink()
    webui.call("POST", "/sdapi/v1/refresh-loras", {})
    assert same(webui.draw(prompt).picture, alone)
    webui.write("coming_and_going", layers, seed=5)
    assert same(webui.draw(prompt).picture, there)


def test_the_same_lora_twice_has_windows_and_weights_of_its_own(webui: WebUI, unet_only: str) -> None:
    plain = webui.draw(f"{PROMPT} <lora:{unet_only}:1>", steps=3).picture
    halves = f"<lora:{unet_only}:1:stop=1> <lora:{unet_only}:1:start=1>"
    assert near(webui.draw(f"{PROMPT} {halves}", steps=3).picture, plain)
    weighed = f"<lora:{unet_only}:1:lbw=1,OUT05@0:stop=1> <lora:{unet_only}:1:lbw=1,OUT06@0:start=1>"
    pictures: list[np.ndarray] = [webui.draw(f"{PROMPT} {weighed}", steps=3).picture for _ in range(2)]
    assert same(*pictures)
    assert not near(pictures[0], plain)
    assert same(webui.draw(f"{PROMPT} <lora:{unet_only}:1>", steps=3).picture, plain)


def test_parameters_bring_their_weights_back_without_the_preset(webui: WebUI, plain: str) -> None:
    text = webui.call("GET", "/lbw/presets")["text"]
    prompt, hires = (f"{PROMPT} <lora:{plain}:1:1:lbw={name}>" for name in ("LBWSUITE", "LBWSUITE,OUT05@0"))

    def save(fresh: str) -> None:
        webui.call("PUT", "/lbw/presets", {"text": fresh, "base": webui.call("GET", "/lbw/presets")["text"]})

    try:
        save(f"{text}\nLBWSUITE:1,BASE@0.25,MID@R\n")
        drawn = webui.draw(prompt, hr_prompt=hires, seed=5, **second_pass(webui))
    finally:
        save(text)
    with pytest.raises(Refused):
        webui.draw(prompt, seed=5)
    pasted = webui.call("POST", "/sdapi/v1/png-info", {"image": encoded(drawn.picture, drawn.parameters)})
    if "parameters" not in pasted:
        pytest.skip("this WebUI does not read parameters over HTTP")
    fields = pasted["parameters"]
    assert "LBWSUITE" not in fields["Prompt"] + fields["Hires prompt"]
    again = webui.draw(fields["Prompt"], hr_prompt=fields["Hires prompt"], seed=5, **second_pass(webui))
    assert same(again.picture, drawn.picture)
