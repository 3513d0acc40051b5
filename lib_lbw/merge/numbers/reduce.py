"""The best approximation of a delta by thin factors, whatever the delta is made of."""

import torch
from torch import Tensor

from lib_lbw.merge.numbers.dense import decompose_dense
from lib_lbw.merge.numbers.factored import decompose_factors
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.svd import Svd, Truncated
from lib_lbw.merge.numbers.terms import Kron, Term, dense


def decompose(term: Term, rank: int | None = None, seed: int = 0) -> Svd:
    """Return the singular values of `term` and their vectors on demand: all that are not numerically zero.

    A `rank` says that no more than so many will be asked for; it makes a dense term several times cheaper, which is
    then sampled with `seed` (see `decompose_dense`), and changes nothing for the others.
    """
    if isinstance(term, LowRank):
        return decompose_factors(term)
    if isinstance(term, Kron):
        return _decompose_kron(term)
    return decompose_dense(dense(term), rank, seed)


def reduce(term: Term, rank: int, seed: int = 0) -> Truncated:
    """Return the best approximation of `term` of that rank; less where the delta has less. Rank 0: it is zero."""
    return decompose(term, rank, seed).cut(rank)


def _decompose_kron(kron: Kron) -> Svd:
    """Return the decomposition of a Kronecker product: the products of two small ones, sorted by size."""
    left_1, values_1, right_1 = torch.linalg.svd(kron.first.double(), full_matrices=False)
    left_2, values_2, right_2 = torch.linalg.svd(kron.second.double(), full_matrices=False)
    singular, order = torch.outer(values_1, values_2).flatten().sort(descending=True, stable=True)
    noise = len(singular) * torch.finfo(singular.dtype).eps * singular[:1]
    singular = singular[(singular > noise).logical_and(singular > 0)]
    o, n = kron.shape

    def vectors(k: int) -> tuple[Tensor, Tensor]:
        i, j = order[:k] // len(values_2), order[:k] % len(values_2)
        left = torch.einsum("ak,bk->abk", left_1[:, i], left_2[:, j]).reshape(o, k)
        right = torch.einsum("kc,kd->kcd", right_1[i], right_2[j]).reshape(k, n)
        return left, right

    return Svd(singular, float(singular.square().sum()), vectors)
