"""LoRA files without torch, and a way to run a command in this process."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lib_lbw.cli.main import main

LAYERS = ("down_blocks_1_attentions_0", "mid_block_attentions_0", "up_blocks_1_attentions_0")
Run = Callable[..., tuple[int, str, str]]


def write_zeros(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Write a safetensors file of float32 zeros."""
    header, position = {}, 0
    for name, shape in shapes.items():
        length = 4
        for side in shape:
            length *= side
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [position, position + length]}
        position += length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(position))


def lora_shapes(context: int, text_encoder: str) -> dict[str, tuple[int, ...]]:
    """Rank 4 in the cross-attention of three blocks, whose text is `context` wide, and in one text encoder."""
    names = {f"lora_unet_{layer}_transformer_blocks_0_attn2_to_k": context for layer in LAYERS}
    names[f"lora_{text_encoder}_text_model_encoder_layers_0_self_attn_q_proj"] = 8
    shapes: dict[str, tuple[int, ...]] = {}
    for name, width in names.items():
        shapes |= {f"{name}.lora_up.weight": (8, 4), f"{name}.lora_down.weight": (4, width), f"{name}.alpha": ()}
    return shapes


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of LoRAs: one of SD 1, one of SDXL in a subfolder, and a file that is none."""
    made = tmp_path_factory.mktemp("loras")
    (made / "more").mkdir()
    write_zeros(made / "plain.safetensors", lora_shapes(768, "te"))
    write_zeros(made / "more/large 日本.safetensors", lora_shapes(2048, "te1"))
    (made / "broken.safetensors").write_bytes(b"no")
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; returns (exit status, stdout, stderr)."""

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return run
