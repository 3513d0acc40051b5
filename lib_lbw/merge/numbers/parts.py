"""What one delta has in common with another, and what it has of its own."""

from typing import Literal

import torch

from lib_lbw.merge.numbers.core import orthonormal
from lib_lbw.merge.numbers.low_rank import LowRank, common_shape, concat


def project(a: LowRank, b: LowRank, part: Literal["common", "unique"]) -> LowRank:
    """Return the part of `a` that lies in the column and row space of `b`, or all the rest of it.

    common = P A Q with P, Q the orthogonal projections onto the spans of b's `up` columns and `down` rows;
    unique = A - common. Both are orthogonal to each other and depend on the deltas only, not on their factors.
    Rank of a, or twice that. Raises ValueError when the shapes differ.
    """
    common_shape([a.shape, b.shape])
    a, b = a.to(torch.float64), b.to(torch.float64)
    columns, rows = orthonormal(b.up), orthonormal(b.down.T)
    common = LowRank(columns @ (columns.T @ a.up), (a.down @ rows) @ rows.T)
    return common if part == "common" else concat([a, common], [1.0, -1.0])
