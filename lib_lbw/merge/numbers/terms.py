"""What the delta of a module may be (thin factors, a Kronecker product, a dense matrix), and their sum."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank, common_shape, concat


@dataclass(frozen=True, eq=False)
class Kron:
    """The delta kron(`first` [a, c], `second` [b, d]), [a*b, c*d]: a LoKr whose two factors are both stored in full."""

    first: Tensor
    second: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(o, n) of the delta."""
        (a, c), (b, d) = self.first.shape, self.second.shape
        return a * b, c * d

    def dense(self) -> Tensor:
        """Return the delta itself, [a*b, c*d]."""
        return torch.kron(self.first.contiguous(), self.second.contiguous())


Term = LowRank | Kron | Tensor
"""The delta of one module. A tensor is the dense delta [o, ...], in * kernel flattened or not."""


def shape_of(term: Term) -> tuple[int, int]:
    """Return (o, n) of the delta."""
    if isinstance(term, Tensor):
        return term.shape[0], term[0].numel()
    return term.shape


def dense(term: Term) -> Tensor:
    """Return the delta as a matrix [o, n], in the dtype it has."""
    return term.flatten(1) if isinstance(term, Tensor) else term.dense()


def total(terms: Sequence[Term], scales: Sequence[float]) -> Term:
    """Return the sum of scale * term, exact but for the rounding of the dtype.

    Thin factors stay thin (`concat`, float64), a Kronecker product alone stays one, and anything else is summed as a
    dense matrix in the widest dtype of the dense terms (float32 at least). Raises ValueError as `concat` does.
    """
    shape = common_shape([shape_of(term) for term in terms])
    used = [(term, scale) for term, scale in zip(terms, scales, strict=True) if scale != 0]
    if len(used) == 1 and isinstance(used[0][0], Kron):
        return Kron(used[0][0].first * used[0][1], used[0][0].second)
    thin = [(term, scale) for term, scale in used if isinstance(term, LowRank)]
    full = [(dense(term), scale) for term, scale in used if not isinstance(term, LowRank)]
    if full:
        return _dense_total(full, thin)
    if thin:
        return concat([term for term, _ in thin], [scale for _, scale in thin])
    empty = dense(terms[0]).new_zeros(0, dtype=torch.float64)
    return LowRank(empty.new_zeros(shape[0], 0), empty.new_zeros(0, shape[1]))


def _dense_total(full: Sequence[tuple[Tensor, float]], thin: Sequence[tuple[LowRank, float]]) -> Tensor:
    dtype = torch.float64 if any(matrix.dtype == torch.float64 for matrix, _ in full) else torch.float32
    result = torch.zeros_like(full[0][0], dtype=dtype)
    for matrix, scale in full:
        result.add_(matrix.to(dtype), alpha=scale)
    for term, scale in thin:
        result.addmm_(term.up.to(dtype), term.down.to(dtype), alpha=scale)
    return result
