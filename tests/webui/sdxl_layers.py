"""The layers of Stable Diffusion XL that LoRAs touch: kohya names and weight shapes, block by block.

LBW_WEBUI_WIDTHS gives the widths of the levels of a U-Net that is thinner, `320,320,320` say.
"""

import os

_WIDTHS = tuple(map(int, os.environ.get("LBW_WEBUI_WIDTHS", "320,640,1280").split(",")))
_LATENT, _TEXT = 4, 2048

Layers = dict[str, tuple[int, ...]]


def unet() -> dict[str, Layers]:
    """Block -> its layers, in the order of the 20 numbers."""
    narrow, middle, wide = _WIDTHS[:3]
    return {
        "IN00": {"lora_unet_input_blocks_0_0": (narrow, _LATENT, 3, 3)},
        **{f"IN{n:02d}": _convolution(f"input_blocks_{n}_0", narrow) for n in (1, 2)},
        "IN03": {"lora_unet_input_blocks_3_0_op": (narrow, narrow, 3, 3)},
        **{f"IN{n:02d}": _transformers(f"input_blocks_{n}", middle) for n in (4, 5)},
        "IN06": {"lora_unet_input_blocks_6_0_op": (middle, middle, 3, 3)},
        **{f"IN{n:02d}": _transformers(f"input_blocks_{n}", wide) for n in (7, 8)},
        "MID": _transformers("middle_block", wide),
        **{f"OUT{n:02d}": _transformers(f"output_blocks_{n}", wide) for n in (0, 1, 2)},
        **{f"OUT{n:02d}": _transformers(f"output_blocks_{n}", middle) for n in (3, 4, 5)},
        **{f"OUT{n:02d}": _convolution(f"output_blocks_{n}_0", narrow) for n in (6, 7, 8)},
    }


def text_encoders() -> dict[str, Layers]:
    """TE1 and TE2 -> the attention of CLIP-L, and of CLIP-G."""
    return {"TE1": _encoder("lora_te1", 12, 768), "TE2": _encoder("lora_te2", 32, 1280)}


def transformer_layer(block: str, number: int) -> Layers:
    """One of the transformer layers of a block."""
    return {name: shape for name, shape in unet()[block].items() if f"_transformer_blocks_{number}_" in name}


def _convolution(path: str, width: int) -> Layers:
    return {f"lora_unet_{path}_out_layers_3": (width, width, 3, 3)}


def _transformers(path: str, width: int) -> Layers:
    """A convolution, and the first two transformer layers."""
    layers = _convolution(f"{path}_0", width)
    for inner in (f"lora_unet_{path}_1_transformer_blocks_{number}" for number in (0, 1)):
        for number, context in ((1, width), (2, _TEXT)):
            for name, into in (("to_q", width), ("to_k", context), ("to_v", context), ("to_out_0", width)):
                layers[f"{inner}_attn{number}_{name}"] = (width, into)
        layers[f"{inner}_ff_net_0_proj"], layers[f"{inner}_ff_net_2"] = (8 * width, width), (width, 4 * width)
    return layers


def _encoder(prefix: str, count: int, width: int) -> Layers:
    return {
        f"{prefix}_text_model_encoder_layers_{layer}_self_attn_{name}_proj": (width, width)
        for layer in range(count)
        for name in ("q", "k", "v", "out")
    }
