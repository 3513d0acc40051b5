"""Deltas to merge: random thin factors with the defects that files have, and what numpy says about them."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank

DEFECTS = ("none", "equal columns", "zero rows", "zero column", "dependent down", "steep", "all zero")
scales = st.floats(-4, 4, allow_subnormal=False)


def random_low_rank(seed: int, o: int, n: int, rank: int, defect: str = "none", size: float = 1.0) -> LowRank:
    generator = torch.Generator().manual_seed(seed)
    up = torch.randn(o, rank, generator=generator, dtype=torch.float64)
    down = torch.randn(rank, n, generator=generator, dtype=torch.float64)
    if defect == "equal columns" and rank > 1:
        up[:, 1] = up[:, 0]
    if defect == "zero rows":
        up[: o // 2] = 0
    if defect == "zero column" and rank:
        up[:, 0] = 0
    if defect == "dependent down" and rank > 1:
        down[-1] = down[:-1].sum(0)
    if defect == "steep" and rank:
        up *= torch.logspace(0, -14, rank, dtype=torch.float64)
    return LowRank(up * (0.0 if defect == "all zero" else size), down)


@st.composite
def low_ranks(draw: st.DrawFn, shape: tuple[int, int] | None = None, defects: tuple[str, ...] = DEFECTS) -> LowRank:
    o, n = shape or (draw(st.integers(1, 14)), draw(st.integers(1, 14)))
    size = 10.0 ** draw(st.sampled_from([0, 0, 0, -30, -6, 5, 30]))
    return random_low_rank(
        draw(st.integers(0, 2**32)), o, n, draw(st.integers(0, 17)), draw(st.sampled_from(defects)), size
    )


@st.composite
def term_lists(draw: st.DrawFn, defects: tuple[str, ...] = DEFECTS) -> tuple[list[LowRank], list[float]]:
    """Terms of one shape and their scales."""
    shape = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    terms = draw(st.lists(low_ranks(shape, defects), min_size=1, max_size=4))
    return terms, draw(st.lists(scales, min_size=len(terms), max_size=len(terms)))


def turned(f: LowRank, seed: int) -> LowRank:
    """The same delta with other factors: (U A, A^-1 D)."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(f.rank, f.rank, generator=generator, dtype=torch.float64) + 2 * torch.eye(f.rank)
    return LowRank(f.up @ mix, torch.linalg.solve(mix, f.down))


def with_spectrum(seed: int, o: int, n: int, values: list[float]) -> LowRank:
    """A delta with these singular values and random vectors."""
    generator = torch.Generator().manual_seed(seed)
    rank = len(values)
    left = torch.linalg.qr(torch.randn(o, rank, generator=generator, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(n, rank, generator=generator, dtype=torch.float64)).Q
    return LowRank(left * torch.tensor(values, dtype=torch.float64), right.T)


def numpy_values(matrix: Tensor) -> np.ndarray:
    return np.linalg.svd(matrix.double().numpy(), compute_uv=False)


def parts_norm(f: LowRank) -> float:
    """What rounding is relative to: the sum of the norms of the rank-one parts."""
    return float((f.up.norm(dim=0) * f.down.norm(dim=1)).sum())


def norm(matrix: Tensor) -> float:
    return float(torch.linalg.vector_norm(matrix, dtype=torch.float64))
