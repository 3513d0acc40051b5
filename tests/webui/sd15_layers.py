"""The layers of Stable Diffusion 1.5 that LoRAs touch: kohya names and weight shapes, block by block.

LBW_WEBUI_WIDTHS gives the widths of the four levels of a U-Net that is thinner, `320,320,320,320` say.
"""

import os

_WIDTHS = tuple(map(int, os.environ.get("LBW_WEBUI_WIDTHS", "320,640,1280,1280").split(",")))
_TEXT = 768


def attention_blocks() -> dict[str, tuple[str, int]]:
    """Block -> (its path in kohya spelling, its width)."""
    ins = {f"IN{1 + 3 * level + n:02d}": (f"down_blocks_{level}_attentions_{n}", _WIDTHS[level])
           for level in range(3) for n in range(2)}  # fmt: skip
    outs = {f"OUT{3 * level + n:02d}": (f"up_blocks_{level}_attentions_{n}", _WIDTHS[3 - level])
            for level in range(1, 4) for n in range(3)}  # fmt: skip
    return {**ins, "MID": ("mid_block_attentions_0", _WIDTHS[3]), **outs}


def attention(block: str) -> dict[str, tuple[int, ...]]:
    """The layers of one block's transformer."""
    path, width = attention_blocks()[block]
    inner = f"lora_unet_{path}_transformer_blocks_0"
    layers: dict[str, tuple[int, ...]] = {f"lora_unet_{path}_proj_in": (width, width, 1, 1)}
    for number, context in ((1, width), (2, _TEXT)):
        for name, into in (("to_q", width), ("to_k", context), ("to_v", context), ("to_out_0", width)):
            layers[f"{inner}_attn{number}_{name}"] = (width, into)
    return {**layers, f"{inner}_ff_net_0_proj": (8 * width, width), f"{inner}_ff_net_2": (width, 4 * width)}


def biased(block: str) -> dict[str, tuple[int, ...]]:
    """Those layers of one block's transformer that have a bias: some hosts cannot add one to a layer without."""
    return {name: shape for name, shape in attention(block).items() if not name.endswith(("to_q", "to_k", "to_v"))}


def convolutions(block: str) -> dict[str, tuple[int, ...]]:
    """A convolution of one block: the second of its resnet."""
    path, width = attention_blocks()[block]
    return {f"lora_unet_{path.replace('attentions', 'resnets')}_conv2": (width, width, 3, 3)}


def norms(block: str) -> dict[str, tuple[int, ...]]:
    """The norms of one block's transformer."""
    path, width = attention_blocks()[block]
    return {f"lora_unet_{path}_transformer_blocks_0_norm{number}": (width,) for number in (1, 2, 3)}


def text_encoder() -> dict[str, tuple[int, ...]]:
    """The attention of CLIP-L."""
    return {
        f"lora_te_text_model_encoder_layers_{layer}_self_attn_{name}_proj": (_TEXT, _TEXT)
        for layer in range(12)
        for name in ("q", "k", "v", "out")
    }
