"""These tests drive a running WebUI, with this extension in it, at the address in LBW_WEBUI_URL.

LBW_WEBUI_LORA_DIR is its LoRA folder: the suite writes files there that begin with `lbw_suite_`, and removes them.
Any SD1.5 checkpoint will do, random weights too; a thinner one of the same plan (see `sd15_layers`) is faster. With an
SDXL checkpoint (see `sdxl_layers`) test_sdxl.py runs, and all others skip.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webui.client import WebUI, same
from tests.webui.sd15_layers import attention, attention_blocks, text_encoder
from tests.webui.sdxl_layers import text_encoders

MISSING = "no WebUI: set LBW_WEBUI_URL and LBW_WEBUI_LORA_DIR to test one that is running"


@pytest.fixture(scope="session")
def running() -> Iterator[WebUI]:
    url, folder = os.environ.get("LBW_WEBUI_URL"), os.environ.get("LBW_WEBUI_LORA_DIR")
    if not url or not folder:
        pytest.skip(MISSING)
    program = WebUI(url.rstrip("/"), Path(folder))
    yield program
    program.clear()


@pytest.fixture(scope="session")
def is_sdxl(running: WebUI) -> bool:
    """Whether a LoRA on the second text encoder acts: of the models these hosts draw with, SDXL has one."""
    name = running.write("second_encoder", text_encoders()["TE2"])
    prompt = "a house by the sea"
    return not same(running.draw(prompt).picture, running.draw(f"{prompt} <lora:{name}:1>").picture)


@pytest.fixture(scope="session")
def webui(running: WebUI, is_sdxl: bool) -> WebUI:
    """The WebUI, where it draws with SD1.5."""
    if is_sdxl:
        pytest.skip("the WebUI draws with an SDXL checkpoint: test_sdxl.py is for that")
    return running


@pytest.fixture(scope="session")
def plain(webui: WebUI) -> str:
    """A LoRA on every attention layer and the text encoder."""
    layers = {name: shape for block in attention_blocks() for name, shape in attention(block).items()}
    return seen(webui, webui.write("plain", {**text_encoder(), **layers}))


@pytest.fixture(scope="session")
def unet_only(webui: WebUI) -> str:
    """A LoRA without a text encoder, on the output blocks."""
    blocks = [block for block in attention_blocks() if block.startswith("OUT")]
    layers = {name: shape for block in blocks for name, shape in attention(block).items()}
    return seen(webui, webui.write("unet_only", layers, seed=2))


def seen(webui: WebUI, name: str) -> str:
    """Return `name` after a look at what it draws: random LoRAs that are too strong give black or grey pictures."""
    assert webui.draw(f"a house by the sea <lora:{name}:1>").picture.std() > 5, "too strong to test with"
    return name
