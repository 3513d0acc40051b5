"""Norms and distances of deltas, in the space of their factors: O((o + n) R^2), no o x n matrix."""

import math

import torch

from lib_lbw.merge.chunks import squared_norm
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.terms import Kron, Term

_EXACT = 1e-8  # Gram matrices give an energy this far below its parts to about 1e-6
_ROUGH = 1e-11  # and one this far below to about 1e-3, enough for a distance


def energy(term: Term) -> float:
    """Return the squared Frobenius norm, also where the terms inside nearly cancel (A - A')."""
    if isinstance(term, LowRank):
        f = term.to(torch.float64)
        value = _product(f, f)
        return value if value > _EXACT * _parts(f) ** 2 else _energy_by_qr(f)
    if isinstance(term, Kron):
        return energy(term.first) * energy(term.second)
    return squared_norm(term)


def squared_distance(a: LowRank, b: LowRank, size: float) -> float:
    """Return |a - b|^2, of any ranks; `size` is the energy of `b`. Raises RuntimeError (torch) when the shapes differ.

    The cheaper the fewer ranks `a` has.
    """
    a, b = a.to(torch.float64), b.to(torch.float64)
    distance = _product(a, a) - 2 * _product(a, b) + size
    if distance <= _ROUGH * (_parts(a) + _parts(b)) ** 2:
        return _energy_by_qr(concat([a, b], [1.0, -1.0]))
    return distance


def least_energy(f: LowRank) -> float:
    """Return a bound that the energy is not below, for next to no work: what the delta does to one vector."""
    vector = f.down.sum(0)
    length = float(torch.linalg.vector_norm(vector))
    return (float(torch.linalg.vector_norm(f.up @ (f.down @ vector))) / length) ** 2 if length else 0.0


def rounding_error(stored: LowRank, exact: LowRank) -> float:
    """Return |stored - exact| / |exact| where `stored` is `exact` after a cast, from the differences of the factors.

    Nothing cancels in them: right to the last digits however small. Raises ValueError when the ranks differ.
    """
    if stored.rank != exact.rank or stored.shape != exact.shape:
        raise ValueError("the factors are not those that were stored")
    stored, exact = stored.to(torch.float64), exact.to(torch.float64)
    by_up = LowRank(stored.up - exact.up, stored.down)
    by_down = LowRank(exact.up, stored.down - exact.down)
    distance = _product(by_up, by_up)
    if by_down.down.count_nonzero():
        distance += 2 * _product(by_up, by_down) + _product(by_down, by_down)
    return _ratio(max(0.0, distance), energy(exact))


def _ratio(distance: float, size: float) -> float:
    if not size:
        return math.inf if distance else 0.0
    return math.sqrt(distance / size)


def _product(a: LowRank, b: LowRank) -> float:
    return float(((a.up.T @ b.up) * (a.down @ b.down.T)).sum())


def _energy_by_qr(f: LowRank) -> float:
    """Return the squared norm where its Gram sum cancels: three times the work."""
    (_, left), (_, right) = torch.linalg.qr(f.up, mode="r"), torch.linalg.qr(f.down.T, mode="r")
    return float((left @ right.T).square().sum())


def _parts(f: LowRank) -> float:
    """Return the sum of the norms of the rank-one parts; the rounding error of a Gram sum is relative to its square."""
    return float((torch.linalg.vector_norm(f.up, dim=0) * torch.linalg.vector_norm(f.down, dim=1)).sum())
