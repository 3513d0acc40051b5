"""The numbering of the Stable Diffusion U-Net: one formula for SD1, SD2 and SDXL.

Every level has two residual blocks and a downsampler on the way down, three residual blocks on the way up:

    INn,  n >= 1: level (n - 1) // 3, place (n - 1) % 3, place 2 being the downsampler
    OUTn:         level n // 3, place n % 3; the upsampler belongs to place 2

Source: the LDM U-Net (openaimodel.py, `UNetModel`) and the diffusers conversion of the original checkpoints.
"""

from __future__ import annotations

from typing import Any

LEVELS = 4
"""SD1 and SD2 have four levels; SDXL has the first three of them."""


def ldm_input_blocks() -> dict[str, Any]:
    """Return the rule (notation of `data/names.json`) of what follows `input_blocks`."""
    blocks: dict[str, Any] = {"0>": {"0>conv_in": True}}
    for number in range(1, 3 * LEVELS):
        level, place = divmod(number - 1, 3)
        blocks[f"{number}>down_blocks.{level}"] = (
            {"0>downsamplers.0": {"op>conv": True}} if place == 2 else _residual_and_attention(place)
        )
    return blocks


def ldm_output_blocks() -> dict[str, Any]:
    """Return the rule of what follows `output_blocks`.

    An upsampler stands after the attention (child 2), or after the residual block where the level has none (child 1:
    output_blocks.2 of SD1 and SD2); its child `conv` tells it from an attention.
    """
    blocks: dict[str, Any] = {}
    for number in range(3 * LEVELS):
        level, place = divmod(number, 3)
        children = _residual_and_attention(place)
        if place == 2:
            children |= {"2>upsamplers.0": {"conv": True}, "1>upsamplers.0": {"conv": True}}
        blocks[f"{number}>up_blocks.{level}"] = children
    return blocks


def _residual_and_attention(place: int) -> dict[str, Any]:
    return {f"0>resnets.{place}": "ldm_resnet", f"1>attentions.{place}": "attention"}
