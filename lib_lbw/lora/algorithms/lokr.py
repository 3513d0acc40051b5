"""LoKr (LyCORIS, arXiv 2309.14859; KronA, Edalati 2022, arXiv 2212.10650).

delta = kron(w1, w2), where w1 is stored in full [a, c] or as w1_a [a, r] . w1_b [r, c], and w2 in full [b, d, *k], as
w2_a [b, r] . w2_b [r, d, *k] (the kernel axes may be flattened), or with a Tucker core t2 [r, r, *k], w2_a [r, b] and
w2_b [r, d]. The kernel belongs to w2 alone, so flattening in * kernel commutes with the Kronecker product.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from lib_lbw.lora.algorithms.tucker import absorb


def delta(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return kron(w1, w2), [out, in, *kernel], or [out, in * kernel] where the file flattens w2_b."""
    first, second = _product(_pair(tensors, "lokr_w1")), _product(_pair(tensors, "lokr_w2"))
    product = _kron(first.flatten(1), second.flatten(1))
    return product.reshape(len(product), -1, *second.shape[2:])


def factors(tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the factors of least rank: kron(A.B, C.D) = kron(A, C) . kron(B, D); a full matrix is I.W or W.I."""
    left_1, right_1 = _split(_pair(tensors, "lokr_w1"))
    left_2, right_2 = _split(_pair(tensors, "lokr_w2"))
    return _kron(left_1, left_2), _kron(right_1, right_2)


def _pair(tensors: Mapping[str, Tensor], half: str) -> tuple[Tensor | None, Tensor]:
    """Return (left, right), or (None, the full matrix)."""
    if half in tensors:
        return None, tensors[half]
    left, right = tensors[half + "_a"], tensors[half + "_b"]
    core = tensors.get("lokr_t2") if half == "lokr_w2" else None
    return (left, right) if core is None else (left.T, absorb(core, right))


def _product(pair: tuple[Tensor | None, Tensor]) -> Tensor:
    left, right = pair
    return right if left is None else (left @ right.flatten(1)).reshape(-1, *right.shape[1:])


def _split(pair: tuple[Tensor | None, Tensor]) -> tuple[Tensor, Tensor]:
    left, right = pair[0], pair[1].flatten(1)
    if left is not None:
        return left, right
    rows, columns = right.shape
    identity = torch.eye(min(rows, columns), dtype=right.dtype, device=right.device)
    return (identity, right) if rows <= columns else (right, identity)


def _kron(first: Tensor, second: Tensor) -> Tensor:
    """Return the Kronecker product of two matrices. torch.kron refuses some strides (transposed, one column)."""
    rows, columns = first.shape[0] * second.shape[0], first.shape[1] * second.shape[1]
    return torch.einsum("ac,bd->abcd", first, second).reshape(rows, columns)
