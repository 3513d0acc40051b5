"""Deltas of layers that are parts of one another: rows taken out of a delta, or put into a larger one."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from lib_lbw.merge.numbers.core import orthonormal
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.terms import Term, dense, total


@dataclass(frozen=True)
class Stretch:
    """`length` rows: from `start` on in one layer, from `at` on in the other."""

    start: int
    at: int
    length: int


def moved(term: Term, rows: Sequence[Stretch], out: int) -> Term:
    """Return the delta [out, n] that has the stretches of `term` where they belong, and zeros elsewhere.

    Exact. Thin factors stay thin: only `up` has rows. A Kronecker product becomes a dense matrix.
    """
    if isinstance(term, LowRank):
        return LowRank(moved_rows(term.up, rows, out), term.down)
    return moved_rows(dense(term), rows, out)


def moved_rows(tensor: Tensor, rows: Sequence[Stretch], out: int) -> Tensor:
    """Return a tensor of `out` rows that has the stretches of `tensor` where they belong, and zeros elsewhere."""
    result = tensor.new_zeros(out, *tensor.shape[1:])
    for each in rows:
        result[each.at : each.at + each.length] = tensor[each.start : each.start + each.length]
    return result


def united(terms: Sequence[Term], scales: Sequence[float]) -> Term:
    """Return the sum of scale * term for the parts of one delta, as `total` does.

    The rank is that of all `down` together: the parts of a layer that was taken apart share theirs.
    """
    whole = total(terms, scales)
    if not isinstance(whole, LowRank):
        return whole
    basis = orthonormal(whole.down.T)
    return whole if basis.shape[1] == whole.rank else LowRank(whole.up @ (whole.down @ basis), basis.T)
