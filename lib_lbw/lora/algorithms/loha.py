"""LoHa (FedPara, Hyeon-Woo 2021, arXiv 2108.06098), with or without Tucker cores.

delta = (w1_a . w1_b) * (w2_a . w2_b), elementwise. With cores t1, t2 the left factors are stored transposed [r, o].
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from lib_lbw.lora.algorithms.tucker import absorb


def delta(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return the product, [out, in, *kernel] with cores; without them [out, in * kernel] as the file flattens it."""
    (left_1, right_1), (left_2, right_2) = _half(tensors, 1), _half(tensors, 2)
    product: Tensor = (left_1 @ right_1.flatten(1)) * (left_2 @ right_2.flatten(1))
    return product.reshape(-1, *right_1.shape[1:])


def factors(tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return factors of rank r1 * r2: the elementwise product of two products is that of their Khatri-Rao products."""
    (left_1, right_1), (left_2, right_2) = _half(tensors, 1), _half(tensors, 2)
    left = torch.einsum("op,oq->opq", left_1, left_2).flatten(1)
    right = torch.einsum("pi,qi->pqi", right_1.flatten(1), right_2.flatten(1)).flatten(0, 1)
    return left, right


def _half(tensors: Mapping[str, Tensor], number: int) -> tuple[Tensor, Tensor]:
    left, right = tensors[f"hada_w{number}_a"], tensors[f"hada_w{number}_b"]
    core = tensors.get(f"hada_t{number}")
    return (left, right) if core is None else (left.T, absorb(core, right))
