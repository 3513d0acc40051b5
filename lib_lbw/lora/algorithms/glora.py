"""GLoRA (Chavan 2023, arXiv 2306.07967) as LyCORIS stores it, in both orders of its factors.

LyCORIS 2 and later: delta = b1 . b2 + W . a1 . a2 with a1 [in, r], a2 [r, in], b1 [out, r], b2 [r, in].
LyCORIS 1.8: the numbers 1 and 2 are exchanged. The rank is the short side of a1, which tells the two apart; a square
a1 (rank = in) is read in the newer order. In a convolution a1 and a2 act on the channels at every kernel position.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from lib_lbw.lora.algorithms import lora
from lib_lbw.lora.shapes import glora_order


def delta(tensors: Mapping[str, Tensor], base: Tensor) -> Tensor:
    """Return b . b' + base . a . a', shaped as `base` [out, in, *kernel].

    Raises ValueError if the shapes do not fit.
    """
    a_left, a_right, b_left, b_right = ordered(tensors)
    if base.ndim < 2 or (len(b_left), len(a_left)) != base.shape[:2]:
        raise ValueError(f"a GLoRA of {len(a_left)} -> {len(b_left)} does not fit a weight of shape {list(base.shape)}")
    parts = {"lora_up": b_left, "lora_down": b_right, **({"lora_mid": tensors["bm"]} if "bm" in tensors else {})}
    through_base = torch.einsum("oi...,ir,rj->oj...", base, a_left.flatten(1), a_right.flatten(1))
    direct = lora.delta(parts)
    if direct.numel() != base.numel():
        raise ValueError(f"its direct part is {list(direct.shape)}, the weight of the layer {list(base.shape)}")
    return direct.reshape(base.shape) + through_base


def ordered(tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a [in, r], a' [r, in], b [out, r], b' [r, in, *kernel], whichever order the file has."""
    left, right = glora_order(tuple(tensors["a1"].shape))
    return tensors[f"a{left}"], tensors[f"a{right}"], tensors[f"b{left}"], tensors[f"b{right}"]
