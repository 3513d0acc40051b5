"""From picture to picture: nothing stale, nothing doubled, nothing left behind."""

import urllib.parse

import pytest

from tests.webui.client import Refused, WebUI, near, same
from tests.webui.sd15_layers import attention

PROMPT = "a house by the sea"
GROWTH = 64 << 20
"""Bytes by which 24 pictures may enlarge the program: less than the weights of a LoRA kept for each of them would."""


def test_the_picture_without_a_tag_comes_back(webui: WebUI, plain: str) -> None:
    before = webui.draw(PROMPT).picture
    webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0.3>")
    assert same(webui.draw(PROMPT).picture, before)
    tagged = webui.draw(f"{PROMPT} <lora:{plain}:1>").picture
    webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>")
    assert same(webui.draw(f"{PROMPT} <lora:{plain}:1>").picture, tagged)


def test_every_change_of_weights_counts_at_once(webui: WebUI, plain: str) -> None:
    prompts = [f"{PROMPT} <lora:{plain}:1:lbw={weights}>" for weights in ("1,OUT05@0", "1,OUT06@0", "OUTALL", "INALL")]
    first = [webui.draw(prompt).picture for prompt in prompts]
    again = [webui.draw(prompt).picture for prompt in reversed(prompts)][::-1]
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    assert all(not same(first[0], other) for other in first[1:])


def test_changing_weights_and_windows_do_not_fill_the_memory(webui: WebUI, plain: str) -> None:
    def draw(number: int) -> None:
        webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@{number / 10}:stop={1 + number % 2}>")

    def used() -> int:
        memory: dict[str, int] = webui.call("GET", "/sdapi/v1/memory")["ram"]
        return memory.get("used", 0)

    for number in range(8):
        draw(number)
    before = used()
    if not before:
        pytest.skip("this WebUI does not tell its memory over HTTP")
    for number in range(24):
        draw(number)
    assert used() - before < GROWTH


@pytest.mark.parametrize("route", ["reload-checkpoint", "unload-checkpoint"])
def test_a_checkpoint_that_is_loaded_anew_gets_the_weights_anew(webui: WebUI, plain: str, route: str) -> None:
    tagged = f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>"
    first = webui.draw(tagged)
    if "Version: v1.6" in first.parameters:
        pytest.skip("A1111 1.6 asks for a GPU when a checkpoint comes back, and draws nothing any more without one")
    with_tag, without = first.picture, webui.draw(PROMPT).picture
    for prompt, expected in ((tagged, with_tag), (PROMPT, without)):
        webui.draw(tagged)
        try:
            webui.call("POST", f"/sdapi/v1/{route}", {})
        except Refused:
            pytest.skip(f"this WebUI fails at {route}")
        assert same(webui.draw(prompt).picture, expected)


def test_a_preset_that_is_edited_counts_at_once(webui: WebUI, plain: str) -> None:
    text = webui.call("GET", "/lbw/presets")["text"]

    def save(weights: str) -> None:
        base = webui.call("GET", "/lbw/presets")["text"]
        webui.call("PUT", "/lbw/presets", {"text": f"{text}\nLBWSUITE:{weights}\n", "base": base})

    try:
        save("1,OUT05@0")
        prompt = f"{PROMPT} <lora:{plain}:1:lbw=LBWSUITE>"
        assert same(webui.draw(prompt).picture, webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,OUT05@0>").picture)
        save("1,BASE@0.25")
        assert same(webui.draw(prompt).picture, webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,BASE@0.25>").picture)
    finally:
        webui.call("PUT", "/lbw/presets", {"text": text, "base": webui.call("GET", "/lbw/presets")["text"]})


def test_a_file_that_is_replaced_counts_at_once(webui: WebUI) -> None:
    layers = {**attention("OUT05"), **attention("OUT06")}
    name = webui.write("replaced", layers, seed=5)
    prompt = f"{PROMPT} <lora:{name}:1:lbw=1,OUT06@0>"
    old = webui.draw(prompt).picture
    webui.write("replaced", layers, seed=6)
    new = webui.draw(prompt).picture
    other = webui.write("replaced_other", layers, seed=6)
    assert not same(new, old)
    assert same(new, webui.draw(f"{PROMPT} <lora:{other}:1:lbw=1,OUT06@0>").picture)


def test_random_weights_follow_the_seed(webui: WebUI, plain: str) -> None:
    prompt = f"{PROMPT} <lora:{plain}:1:lbw=R,MID@1>"
    one, two = webui.draw(prompt, seed=11), webui.draw(prompt, seed=12)
    assert same(webui.draw(prompt, seed=11).picture, one.picture)
    assert one.parameters.split("LBW: ")[1] != two.parameters.split("LBW: ")[1]


def test_two_loras_each_have_their_own_weights(webui: WebUI, plain: str, unet_only: str) -> None:
    a, b = f"<lora:{plain}:1:lbw=1,OUT05@0>", f"<lora:{unet_only}:1:lbw=1,OUT06@0>"
    both = webui.draw(f"{PROMPT} {a} {b}").picture
    assert near(both, webui.draw(f"{PROMPT} {b} {a}").picture)
    assert not same(both, webui.draw(f"{PROMPT} <lora:{plain}:1> {b}").picture)
    silent = f"<lora:{unet_only}:1:lbw=NONE>"
    assert same(webui.draw(f"{PROMPT} {silent} {a}").picture, webui.draw(f"{PROMPT} {a}").picture)


def test_weights_of_a_lora_without_text_encoder_stay_its_own(webui: WebUI, plain: str, unet_only: str) -> None:
    """The text-encoder weight of a LoRA that has none must not land on the next one."""
    first = f"<lora:{unet_only}:1:lbw=0,BASE@0>"
    assert same(webui.draw(f"{PROMPT} {first} <lora:{plain}:1:lbw=1>").picture,
                webui.draw(f"{PROMPT} <lora:{plain}:1>").picture)  # fmt: skip


def test_the_same_lora_twice_adds_up(webui: WebUI, plain: str) -> None:
    split = f"<lora:{plain}:1:lbw=0,IN00-MID BASE@1> <lora:{plain}:1:lbw=0,OUT00-OUT11@1>"
    assert near(webui.draw(f"{PROMPT} {split}").picture, webui.draw(f"{PROMPT} <lora:{plain}:1>").picture)
    same_weights = f"<lora:{plain}:0.5:lbw=OUTALL> <lora:{plain}:0.5:lbw=OUTALL>"
    assert near(
        webui.draw(f"{PROMPT} {same_weights}").picture, webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>").picture
    )


def test_a_missing_lora_leaves_the_others_alone(webui: WebUI, plain: str) -> None:
    alone = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>").picture
    assert same(webui.draw(f"{PROMPT} <lora:lbw_no_such:1:lbw=INS> <lora:{plain}:1:lbw=OUTALL>").picture, alone)


def test_a_bad_directive_stops_and_says_so(webui: WebUI, plain: str) -> None:
    with pytest.raises(Refused) as caught:
        webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=NOSUCHPRESET>")
    assert "NOSUCHPRESET" in caught.value.text
    assert webui.draw(PROMPT).picture.size


def test_a_bad_directive_can_be_ignored_and_is_told(webui: WebUI, plain: str, unet_only: str) -> None:
    ignoring = {"override_settings": {"lbw_on_bad_directive": "ignore"}}
    good = f"<lora:{unet_only}:1:lbw=1,OUT06@0>"
    answer = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=NOSUCHPRESET> {good}", **ignoring)
    assert same(answer.picture, webui.draw(f"{PROMPT} <lora:{plain}:1> {good}").picture)
    assert "NOSUCHPRESET" in str(dict(answer.info))


def test_the_old_positional_form_works(webui: WebUI, plain: str) -> None:
    expected = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>").picture
    assert same(webui.draw(f"{PROMPT} <lora:{plain}:1:OUTALL>").picture, expected)
    assert same(webui.draw(f"{PROMPT} <lora:{plain}:1:1:lbw=OUTALL>").picture, expected)
    vector = ",".join(["1"] + ["0"] * 7 + ["1"] * 9)
    assert same(webui.draw(f"{PROMPT} <lora:{plain}:1:{vector}>").picture, expected)


def test_lyco_is_another_name_or_is_told(webui: WebUI, plain: str) -> None:
    known = same(webui.draw(f"{PROMPT} <lyco:{plain}:1>").picture, webui.draw(f"{PROMPT} <lora:{plain}:1>").picture)
    drawn = webui.draw(f"{PROMPT} <lyco:{plain}:1:lbw=OUTALL>")
    expected = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL>" if known else PROMPT)
    assert same(drawn.picture, expected.picture)
    assert known or "has no effect" in str(dict(drawn.info))
    plain_beside = webui.draw(f"{PROMPT} <lyco:{plain}:1:lbw=OUTALL> <lora:{plain}:1>").picture
    assert known or same(plain_beside, webui.draw(f"{PROMPT} <lora:{plain}:1>").picture)


def test_the_parameters_hold_the_numbers(webui: WebUI, plain: str) -> None:
    text = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL,MID@0.25>").parameters
    numbers = text.split("LBW: ")[1]
    assert "0.25" in numbers
    assert "OUTALL" not in numbers
    assert "LBW: " not in webui.draw(f"{PROMPT} <lora:{plain}:1>").parameters
    tag = numbers[numbers.index("<lora") : numbers.index(">") + 1]
    expected = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=OUTALL,MID@0.25>").picture
    assert same(webui.draw(f"{PROMPT} {tag}").picture, expected)


def test_the_routes_answer(webui: WebUI, plain: str) -> None:
    assert plain in webui.call("GET", "/lbw/loras")["loras"]
    told = webui.call("GET", f"/lbw/lora/{urllib.parse.quote(plain)}")
    assert told["family"]["id"] == "sd1"
    assert "OUT05" in told["present"]
    with pytest.raises(Refused):
        webui.call("GET", "/lbw/lora/..%2F..%2Fetc%2Fpasswd")
    resolved = webui.call("POST", "/lbw/resolve", {"prompt": f"<lora:{plain}:1:lbw=NOSUCHPRESET>"})
    assert "NOSUCHPRESET" in str(resolved)
