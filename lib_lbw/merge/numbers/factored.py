"""Singular values and vectors of up . down from R x R matrices; the o x n delta is never formed.

Two ways. By Gram matrices: with U^T U = L L^T and eigh(L^T (D D^T) L) = Y S^2 Y^T the left vectors are U L^-T Y, the
right ones S^-1 Y^T L^T D; matrix products and one small eigh. It squares what it is given, so it is trusted only
where the columns of U are well apart and no singular value comes near the root of the precision. Otherwise by QR of
both factors and the SVD of the small product, which knows a rank deficiency (A + A, zero rows, R > o) when it sees it.
"""

import torch

from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.svd import Svd, empty

_EPS = torch.finfo(torch.float64).eps
_CONDITION = 1e3  # of U, its columns scaled to 1; the vectors are orthogonal to eps times its square
_DEPTH = 1e-6  # smallest singular value over the greatest; eigh of squares resolves 1e-8


def decompose_factors(f: LowRank) -> Svd:
    """Return all singular values of `f` that are not numerically zero; vectors on demand. Computes in float64.

    Their error, and that of the vectors, is below 1e-9 of the greatest.
    """
    f = f.to(torch.float64)
    if 0 in (f.rank, *f.shape):
        return empty(f.shape, f.up)
    return _by_grams(f) or _by_qr(f)


def _by_grams(f: LowRank) -> Svd | None:
    """Return the decomposition, or None where it would be inaccurate."""
    if f.rank > min(f.shape):
        return None
    gram = f.up.T @ f.up
    lower, failed = torch.linalg.cholesky_ex(gram)
    if int(failed):
        return None
    inverse = torch.linalg.solve_triangular(lower, torch.eye(f.rank, dtype=gram.dtype, device=gram.device), upper=False)
    if not float(torch.linalg.matrix_norm(inverse * gram.diagonal().sqrt())) < _CONDITION:
        return None
    squares, basis = torch.linalg.eigh(lower.T @ (f.down @ f.down.T) @ lower)
    if not float(squares[0]) > _DEPTH**2 * float(squares[-1]):
        return None
    squares, basis = squares.flip(0), basis.flip(1)
    singular = squares.sqrt()
    left, right = inverse.T @ basis, (lower @ basis).T / singular[:, None]
    return Svd(singular, float(squares.sum()), lambda k: (f.up @ left[:, :k], right[:k] @ f.down))


def _by_qr(f: LowRank) -> Svd:
    left_basis, left_core = torch.linalg.qr(f.up)
    right_basis, right_core = torch.linalg.qr(f.down.T)
    left, singular, right = torch.linalg.svd(left_core @ right_core.T, full_matrices=False)
    singular = singular[singular > f.rank * _EPS * _largest(f)]
    return Svd(
        singular,
        float(singular.square().sum()),
        lambda k: (left_basis @ left[:, :k], right[:k] @ right_basis.T),
    )


def _largest(f: LowRank) -> float:
    """Return the sum of the norms of the R rank-one parts: what rounding errors are relative to, also in A - A'."""
    return float((torch.linalg.vector_norm(f.up, dim=0) * torch.linalg.vector_norm(f.down, dim=1)).sum())
