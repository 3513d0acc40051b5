"""The leading singular values and vectors of a dense matrix: exact from its smaller Gram matrix, or by random sampling.

The sampling is that of Halko, Martinsson and Tropp 2011 (arXiv 0909.4061), with 64 columns more than asked for and 3
power iterations, each made orthonormal again.
"""

import hashlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from lib_lbw.merge.chunks import squared_norm
from lib_lbw.merge.numbers.svd import Svd, empty

_OVERSAMPLING = 64
_ITERATIONS = 3
_ROWS = 2048  # made float64 together


def seed_of(name: str) -> int:
    """Return a seed for the module `name`, the same everywhere and at any time."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


def decompose_dense(matrix: Tensor, rank: int | None, seed: int) -> Svd:
    """Return the first `rank` singular values of `matrix` [o, n] and their vectors, or all of them for None.

    All, and a rank above a quarter of the smaller side: exact, in float64, down to about 1e-7 of the greatest value.
    Fewer: sampled with `seed` in the dtype of the matrix (float32 at least); on the spectra of weights the error is
    within 0.02 % of the best one.
    """
    if rank is not None and rank < 0:
        raise ValueError(f"no rank: {rank}")
    smaller = min(matrix.shape)
    total = squared_norm(matrix)
    if not total:
        return empty((matrix.shape[0], matrix.shape[1]), matrix)
    if rank is None or rank > smaller / 4 or rank + _OVERSAMPLING >= smaller:
        return _first(_transposable(matrix, total), rank)
    return _sampled(matrix if matrix.dtype == torch.float64 else matrix.float(), total, rank, seed)


def _first(svd: Svd, rank: int | None) -> Svd:
    return svd if rank is None else Svd(svd.singular[:rank], svd.total, svd.vectors)


def _transposable(matrix: Tensor, total: float) -> Svd:
    if matrix.shape[0] >= matrix.shape[1]:
        return _by_gram(matrix, total)
    svd = _by_gram(matrix.T, total)

    def vectors(k: int) -> tuple[Tensor, Tensor]:
        left, right = svd.vectors(k)
        return right.T, left.T

    return Svd(svd.singular, total, vectors)


def _by_gram(tall: Tensor, total: float) -> Svd:
    """Return the decomposition of `tall` [o, n], o >= n, from its n x n Gram matrix; no second `tall` is made."""
    gram = torch.zeros(tall.shape[1], tall.shape[1], dtype=torch.float64, device=tall.device)
    for rows in _pieces(tall):
        gram.addmm_(rows.double().T, rows.double())
    squares, basis = torch.linalg.eigh(gram)
    squares, basis = squares.flip(0), basis.flip(1)
    singular = squares[squares > len(squares) * torch.finfo(squares.dtype).eps * squares[0]].sqrt()

    def vectors(k: int) -> tuple[Tensor, Tensor]:
        turn = basis[:, :k] / singular[:k]
        return torch.cat([rows.double() @ turn for rows in _pieces(tall)]), basis[:, :k].T

    return Svd(singular, total, vectors)


def _pieces(tall: Tensor) -> Iterator[Tensor]:
    """Give stretches of rows, as views."""
    return (tall[start : start + _ROWS] for start in range(0, len(tall), _ROWS))


def _sampled(matrix: Tensor, total: float, rank: int, seed: int) -> Svd:
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(matrix.shape[1], rank + _OVERSAMPLING, generator=generator, dtype=matrix.dtype)
    basis = torch.linalg.qr(matrix @ sample.to(matrix.device)).Q
    for _ in range(_ITERATIONS):
        basis = torch.linalg.qr(matrix.T @ basis).Q
        basis = torch.linalg.qr(matrix @ basis).Q
    right_basis, core = torch.linalg.qr(matrix.T @ basis)
    left, singular, right = torch.linalg.svd(core.T, full_matrices=False)
    noise = torch.finfo(matrix.dtype).eps * math.sqrt(max(matrix.shape)) * float(singular[0])
    singular = singular[:rank][singular[:rank] > noise].double()
    return Svd(singular, total, lambda k: (basis @ left[:, :k], right[:k] @ right_basis.T))
