"""What shapes and names say about the family of a Stable Diffusion LoRA when its text width does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lib_lbw.blocks.module import ModuleId

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""The tensors of one module: role -> shape."""

Modules: TypeAlias = Mapping[ModuleId, Shapes]

_FOUR_LEVELS = ("down_blocks.0.attentions.", "down_blocks.2.downsamplers.", "down_blocks.3.", "up_blocks.3.")
_SD2_TEXT_WIDTH = 1024
_LINEAR = 2
_INPUT_SECOND = ("lora_down", "diff", "hada_w1_b", "weight")
"""Roles whose tensor is [something, in features, ...]."""


def input_width(tensors: Shapes) -> int | None:
    """Return the number of input features of a linear layer from its LoRA tensors, or None when they do not tell."""
    for role in _INPUT_SECOND:
        shape = tensors.get(role, ())
        if len(shape) >= _LINEAR and shape[1] > 1 and "hada_t1" not in tensors:
            return shape[1]
    outer = tensors.get("lokr_w1") or tensors.get("lokr_w1_b")
    inner = tensors.get("lokr_w2") or tensors.get("lokr_w2_b")
    if outer and inner and len(outer) == len(inner) == _LINEAR:
        return outer[1] * inner[1]
    return None


def sdxl_sign(modules: Modules) -> str | None:
    """Return what only SDXL has, of what is found in these modules, or None."""
    for module in modules:
        if module.component == "te2":
            return "there is a second text encoder"
        if module.component != "unet":
            continue
        if module.path.startswith("add_embedding."):
            return "the U-Net has an added embedding"
        if module.path.startswith("up_blocks.0.attentions."):
            return "the first level on the way up has attention"
        if _layer(module) > 0:
            return "a block holds several transformer layers"
    return None


def four_levels_sign(modules: Modules) -> str | None:
    """Return what only the four-level U-Nets of SD1 and SD2 have, of what is found in these modules, or None."""
    for module in modules:
        if module.component != "unet":
            continue
        if module.path.startswith(_FOUR_LEVELS):
            return "the U-Net has four levels, the first of them with attention"
        if module.path.startswith("up_blocks.2.attentions."):
            return "the third level on the way up has attention"
    return None


def linear_projections(modules: Modules) -> bool:
    """Whether `proj_in` and `proj_out` of the U-Net are linear, as in SD2, and not 1x1 convolutions, as in SD1."""
    projections = [
        tensors[role]
        for module, tensors in modules.items()
        if module.component == "unet" and module.path.endswith((".proj_in", ".proj_out"))
        for role in ("lora_down", "diff", "weight")
        if role in tensors
    ]
    return bool(projections) and all(len(shape) == _LINEAR for shape in projections)


def wide_text_encoder(modules: Modules) -> bool:
    """Whether the first text encoder is 1024 wide (OpenCLIP ViT-H of SD2) and not 768 (CLIP ViT-L)."""
    return any(
        module.component == "te1" and module.path.endswith(".q_proj") and input_width(tensors) == _SD2_TEXT_WIDTH
        for module, tensors in modules.items()
    )


def _layer(module: ModuleId) -> int:
    _, found, tail = module.path.partition(".transformer_blocks.")
    return int(tail.partition(".")[0]) if found else 0
