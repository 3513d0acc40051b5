"""A singular value decomposition whose vectors are made only for the rank that is kept."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank


@dataclass(frozen=True, eq=False)
class Truncated:
    """A delta cut to a rank: `factors` float64, `singular` [k] the values kept, `kept` their share of the energy.

    The share is of the squared Frobenius norm, 0 to 1; a delta that is zero is kept whole.
    """

    factors: LowRank
    singular: Tensor
    kept: float

    @property
    def error(self) -> float:
        """|delta - factors| / |delta|, Frobenius, by the singular values that were left out."""
        return math.sqrt(1 - self.kept)


@dataclass(frozen=True, eq=False)
class Svd:
    """The singular values of a delta that are not numerically zero, and what makes the vectors to the first k.

    `singular` [m] float64, descending, m = 0 for a delta that is zero; `total` the squared Frobenius norm of the whole
    delta; `vectors(k)`, k <= m, gives (left [o, k], right [k, n]).
    """

    singular: Tensor
    total: float
    vectors: Callable[[int], tuple[Tensor, Tensor]]

    def cut(self, rank: int) -> Truncated:
        """Return the nearest delta of that rank (Eckart and Young 1936), or of the numerical rank if that is less.

        Each factor takes the root of the singular values: with all of them in one factor the other is of size 1 and
        this one sinks below what float16 resolves. Raises ValueError for a negative rank.
        """
        if rank < 0:
            raise ValueError(f"no rank: {rank}")
        singular = self.singular[:rank]
        left, right = self.vectors(len(singular))
        root = singular.sqrt()
        kept = min(1.0, float(singular.square().sum()) / self.total) if self.total else 1.0
        return Truncated(LowRank(left.double() * root, root[:, None] * right.double()), singular, kept)


def empty(shape: tuple[int, int], like: Tensor) -> Svd:
    """Return the decomposition of the zero matrix of `shape`, on the device of `like`."""
    values = torch.zeros(0, dtype=torch.float64, device=like.device)
    nothing = values.new_zeros(shape[0], 0), values.new_zeros(0, shape[1])
    return Svd(values, 0.0, lambda _: nothing)
