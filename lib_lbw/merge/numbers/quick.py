"""How much storing changed a delta, from float32 products: a quarter of the work, and only where their digits suffice.

A float32 product of n terms is off by sqrt(n) eps of the lengths of the two vectors (Higham and Mary 2019, with
probability; n eps at the very worst). Norms of deltas are sums over such products, so how far such a sum may be off is
known as soon as it is there, and where factors cancel it is seen to be too much.
"""

import math

import torch
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank

_EPS = torch.finfo(torch.float32).eps
_TRUST = 1e-4  # relative error of a squared norm that is let pass; that of a norm is half of it
_SLIGHT = 1e-3  # what is known to be below this share of the change is not computed, but added
_SMALLEST, _LARGEST = 1e-20, 1e12  # squares of columns: float32 goes to 1e-38 and 1e38


def quick_rounding(stored: LowRank, exact: LowRank) -> tuple[float, float] | None:
    """Return (|stored - exact|^2, |exact|^2), `stored` being `exact` after a cast; in any dtype.

    Three digits, the first rounded up. None where float32 cannot tell. Raises RuntimeError when the ranks differ.
    """
    in_ten_bits = exact.up.is_cuda and torch.backends.cuda.matmul.allow_tf32
    if in_ten_bits or not exact.rank:
        return None
    by_up, by_down = (stored.up - exact.up).float(), (stored.down - exact.down).float()
    exact = exact.to(torch.float32)
    left, right, change = _Gram.of(exact.up), _Gram.of(exact.down.T), _Gram.of(by_up)
    size = _norm(left, right)
    if size is None:
        return None
    lost = _norm(change, right) if change.lengths.any() else 0.0
    beside = left.most * float(torch.linalg.vector_norm(by_down))
    if beside and (lost is None or beside > _SLIGHT * math.sqrt(lost)):
        # stored - exact = by_up . exact.down + stored.up . by_down
        across = change.products + by_up.T @ exact.up
        all_up = left.products + across + across.T - change.products
        ups = change.beside(across, all_up)
        downs = right.beside(exact.down @ by_down.T, _Gram.of(by_down.T).products)
        lost, beside = _norm(ups, downs), 0.0
    return None if lost is None else ((math.sqrt(lost) + beside) ** 2, size)


class _Gram:
    """The products of all pairs of columns, float64 [R, R], their lengths, and how many numbers each column has."""

    def __init__(self, products: Tensor, count: int) -> None:
        self.products = products.double()
        self.lengths = self.products.diagonal().sqrt()
        self.count = count

    @classmethod
    def of(cls, columns: Tensor) -> "_Gram":
        return cls(columns.T @ columns, columns.shape[0])

    def beside(self, across: Tensor, others: Tensor) -> "_Gram":
        """Return the products of these columns and other ones: `across` those with the others, `others` among them."""
        whole = torch.cat([torch.cat([self.products, across], 1), torch.cat([across.T, others], 1)])
        return _Gram(whole, self.count)

    @property
    def most(self) -> float:
        """The most that the columns, as a matrix, can make a vector longer."""
        return math.sqrt(float(self.products.abs().sum(0).max()))

    @property
    def in_range(self) -> bool:
        return _SMALLEST < float(self.lengths.max()) ** 2 < _LARGEST

    def noise(self, other: "_Gram") -> float:
        """Return how far sums over products of both may be off because of this one."""
        weighed = float(self.lengths @ other.products.abs() @ self.lengths)
        return math.sqrt(self.count) * _EPS * weighed


def _norm(up: _Gram, down: _Gram) -> float | None:
    """Return |U D|^2, or None if it is not known well enough (also for NaN, which is never below anything)."""
    value = float((up.products * down.products).sum())
    trusted = up.in_range and down.in_range and up.noise(down) + down.noise(up) < _TRUST * value
    return value if trusted and value > _SMALLEST else None
