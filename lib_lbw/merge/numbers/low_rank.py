"""A weight delta as a product of two thin matrices, and the exact sum of several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.lora.delta import Factors


@dataclass(frozen=True, eq=False)
class LowRank:
    """The delta `up` [o, R] . `down` [R, n], n = in * kernel; its strength is in the factors. It has no bias."""

    up: Tensor
    down: Tensor

    def __post_init__(self) -> None:
        """Raise ValueError unless both are matrices that can be multiplied."""
        if self.up.ndim != 2 or self.down.ndim != 2 or self.up.shape[1] != self.down.shape[0]:
            raise ValueError(f"no factors of one delta: {list(self.up.shape)} and {list(self.down.shape)}")

    @classmethod
    def of(cls, factors: Factors) -> "LowRank":
        """Return the weight part of `factors`; the bias, if there is one, is the caller's to add up."""
        return cls(factors.up, factors.down)

    @property
    def rank(self) -> int:
        """The inner dimension R; the rank of the delta may be smaller."""
        return self.up.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """(o, n) of the delta."""
        return self.up.shape[0], self.down.shape[1]

    def dense(self) -> Tensor:
        """Return the delta itself, [o, n]."""
        return self.up @ self.down

    def to(self, dtype: torch.dtype) -> "LowRank":
        """Return the same with both factors in `dtype`."""
        return LowRank(self.up.to(dtype), self.down.to(dtype))


def concat(terms: Sequence[LowRank], scales: Sequence[float], dtype: torch.dtype = torch.float64) -> LowRank:
    """Return the sum of scale * term without any approximation, in `dtype`; its rank is the sum of the ranks.

    A sum of products is one product of stacked factors. Each `down` is only multiplied by a power of two, chosen so
    that both factors of a term come out about equally large: cast to the dtype it came in it keeps every bit (but
    those that float16 lacks below 6e-5), and `up`, which carries the rest of the scale and its sign, is the only one
    that is rounded. Terms of scale 0 are left out; rank 0 means that nothing is left.
    Raises ValueError when there are no terms or their shapes differ.
    """
    o, n = common_shape([term.shape for term in terms])
    used = [(term, scale) for term, scale in zip(terms, scales, strict=True) if scale != 0]
    rank = sum(term.rank for term, _ in used)
    up, down = terms[0].up.new_empty(o, rank, dtype=dtype), terms[0].down.new_empty(rank, n, dtype=dtype)
    end = 0
    for term, scale in used:
        start, end = end, end + term.rank
        own_up, own_down = up[:, start:end].copy_(term.up), down[start:end].copy_(term.down)
        half = _balance(scale, own_up, own_down)
        own_up.mul_(scale * 2.0**-half)
        own_down.mul_(2.0**half)
    return LowRank(up, down)


def common_shape(shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the one shape of a sum. Raises ValueError when there are no terms or they differ."""
    if len(set(shapes)) != 1:
        raise ValueError(f"deltas of different shapes: {sorted(set(shapes))}" if shapes else "a sum of nothing")
    return shapes[0]


def _balance(scale: float, up: Tensor, down: Tensor) -> int:
    """Return the power of two that `down` is multiplied with, and scale * `up` divided by, to be of like norm."""
    up_norm, down_norm = (float(torch.linalg.vector_norm(factor)) for factor in (up, down))
    if not (up_norm and down_norm):
        return 0
    return round((math.log2(abs(scale)) + math.log2(up_norm) - math.log2(down_norm)) / 2)
