"""The weights are exact: a block weighs what the directive says, for every algorithm, bit for bit where that can be."""

import pytest

from tests.webui.client import Refused, WebUI, near, same
from tests.webui.sd15_layers import attention, biased, convolutions, norms, text_encoder

PROMPT = "a house by the sea"
KEPT, OFF = ("IN05", "OUT04"), "IN08"
ALGORITHMS = {
    "lora": attention, "loha": attention, "lokr": attention, "lokr_full": attention, "full": biased,
    "ia3": attention, "glora_old": attention, "dora": attention, "oft_diag": attention, "oft": attention,
    "boft": attention, "tucker": convolutions, "norm": norms,
}  # fmt: skip
STRENGTH = {"full": 0.01, "norm": 0.05, "dora": 0.12, "ia3": 0.05, "oft": 0.05, "boft": 0.05}


@pytest.fixture(scope="module", params=sorted(ALGORITHMS))
def pair(webui: WebUI, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A LoRA of one algorithm, and the same file without the block OFF; skipped where the host cannot load it."""
    form = request.param
    layers = {block: ALGORITHMS[form](block) for block in (*KEPT, OFF)}
    parts = {name: shape for block in KEPT for name, shape in layers[block].items()}
    strength = STRENGTH.get(form, 0.2)
    whole = webui.write(f"{form}_whole", {**parts, **layers[OFF]}, form, strength=strength)
    partial = webui.write(f"{form}_without", parts, form, strength=strength)
    without = webui.draw(PROMPT).picture
    try:
        drawn = webui.draw(f"{PROMPT} <lora:{whole}:1>").picture
    except Refused as refused:
        pytest.skip(f"this WebUI fails on a plain {form} tag: {refused.text[:120]}")
    if same(drawn, without):
        pytest.skip(f"this WebUI does not apply {form}")
    if drawn.std() < 1:
        pytest.fail("the picture is flat: the LoRA is too strong to test with")
    return whole, partial


def test_a_block_that_is_off_is_as_if_it_were_not_in_the_file(webui: WebUI, pair: tuple[str, str]) -> None:
    whole, partial = pair
    off = webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=1,{OFF}@0>").picture
    assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1>").picture)
    assert not same(off, webui.draw(f"{PROMPT} <lora:{whole}:1>").picture)


def test_none_is_no_lora_and_all_is_the_plain_tag(webui: WebUI, pair: tuple[str, str]) -> None:
    whole, _ = pair
    assert same(webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=NONE>").picture, webui.draw(PROMPT).picture)
    plain = webui.draw(f"{PROMPT} <lora:{whole}:1>").picture
    assert same(webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=ALL>").picture, plain)


def test_half_a_weight_is_half_the_multiplier(webui: WebUI, pair: tuple[str, str]) -> None:
    whole, _ = pair
    half = webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=0.5>").picture
    assert near(half, webui.draw(f"{PROMPT} <lora:{whole}:0.5>").picture)


def test_weights_and_multiplier_multiply(webui: WebUI, plain: str) -> None:
    one = webui.draw(f"{PROMPT} <lora:{plain}:0.5:lbw=2>").picture
    assert near(one, webui.draw(f"{PROMPT} <lora:{plain}:1>").picture)


def test_the_text_encoder_has_a_weight_of_its_own(webui: WebUI, plain: str) -> None:
    bare = webui.write("te_only", text_encoder())
    only = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=0,BASE@1>").picture
    assert same(only, webui.draw(f"{PROMPT} <lora:{bare}:1>").picture)
    assert not same(only, webui.draw(PROMPT).picture)


@pytest.mark.parametrize("block", ["IN01", "IN08", "MID", "OUT03", "OUT11"])
def test_every_part_of_the_unet_can_be_switched_off(webui: WebUI, plain: str, block: str) -> None:
    partial = webui.cut(f"without_{block}", plain, attention(block))
    off = webui.draw(f"{PROMPT} <lora:{plain}:1:lbw=1,{block}@0>").picture
    assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1>").picture)
    assert not same(off, webui.draw(f"{PROMPT} <lora:{plain}:1>").picture)


def test_an_element_has_a_weight_of_its_own(webui: WebUI) -> None:
    layers = {**attention("OUT05"), **attention("OUT06")}
    rest = {name: shape for name, shape in layers.items() if "attn2" not in name}
    whole, partial = webui.write("elements", {**rest, **layers}), webui.write("elements_without", rest)
    off = webui.draw(f"{PROMPT} <lora:{whole}:1:lbw=1,attn2@0>").picture
    assert same(off, webui.draw(f"{PROMPT} <lora:{partial}:1>").picture)
    assert not same(off, webui.draw(f"{PROMPT} <lora:{whole}:1>").picture)
