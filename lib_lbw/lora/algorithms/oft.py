"""Orthogonal fine-tuning: Diag-OFT (Qiu 2023, arXiv 2306.07280) and BOFT (Liu 2023, arXiv 2311.06243).

Blocks B give Q = B - B^T and, by Cayley, R = (I + Q)(I - Q)^-1. With a constraint c the Frobenius norm of Q over all
blocks together is held at c * out. `oft_diag` of the oldest files is R itself. `rescale` multiplies the output rows.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


def delta(tensors: Mapping[str, Tensor], base: Tensor, constraint: float | None) -> Tensor:
    """Return R^T base - base, block by block over the output rows; blocks are [count, n, n] with count * n = out.

    Raises ValueError if the counts do not fit.
    """
    rotations = tensors["oft_diag"] if "oft_diag" in tensors else cayley(tensors["oft_blocks"], constraint, len(base))
    _check(rotations, tensors, base)
    rows = base.reshape(*rotations.shape[:2], -1)
    return rescaled(torch.einsum("knm,knx->kmx", rotations, rows).reshape(base.shape), tensors) - base


def butterfly_delta(tensors: Mapping[str, Tensor], base: Tensor, constraint: float | None) -> Tensor:
    """Return the butterfly product of all stages on base, minus base; blocks are [stages, count, b, b].

    Stage i pairs output rows that lie 2^i * b / 2 apart, and applies its rotations to groups of b rows.
    Raises ValueError if the counts do not fit.
    """
    rotations = cayley(tensors["oft_blocks"], constraint, len(base))
    _check(rotations[0], tensors, base)
    stages, _, side = rotations.shape[:3]
    if side % 2 or len(base) % (2 ** (stages - 1) * side):
        raise ValueError(f"{stages} stages of blocks of {side} do not divide {len(base)} rows")
    rows = base.flatten(1)
    for stage, blocks in enumerate(rotations):
        stride = 2**stage * (blocks.shape[-1] // 2)
        mixed = rows.reshape(-1, 2, stride, rows.shape[1]).transpose(1, 2).reshape(*blocks.shape[:2], -1)
        turned = torch.einsum("kij,kjx->kix", blocks, mixed)
        rows = turned.reshape(-1, stride, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
    return rescaled(rows.reshape(base.shape), tensors) - base


def cayley(blocks: Tensor, constraint: float | None, out: int) -> Tensor:
    """Return the rotation of each block [..., n, n]; constraint is per output row, None for none."""
    skew = blocks - blocks.mT
    if constraint is not None:
        norm = torch.linalg.vector_norm(skew)
        skew = skew * (constraint * out / norm).clamp(max=1) if norm > 0 else skew
    identity = torch.eye(skew.shape[-1], dtype=skew.dtype, device=skew.device)
    # (I + Q)(I - Q)^-1 without an explicit inverse; I - Q is never singular for a skew Q.
    rotations: Tensor = torch.linalg.solve(identity - skew, identity + skew, left=False)
    return rotations


def rescaled(rows: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
    """Return `rows` [out, ...] times `rescale` (one number an output row), where the file has one."""
    if "rescale" not in tensors:
        return rows
    return rows * tensors["rescale"].reshape(-1, *[1] * (rows.ndim - 1))


def _check(blocks: Tensor, tensors: Mapping[str, Tensor], base: Tensor) -> None:
    rows = blocks.shape[0] * blocks.shape[1]
    rescale = tensors.get("rescale")
    if base.ndim < 2 or rows != len(base) or (rescale is not None and rescale.numel() != rows):
        raise ValueError(f"rotations of {rows} rows do not fit a weight of shape {list(base.shape)}")
