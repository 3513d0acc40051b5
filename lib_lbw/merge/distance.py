"""How far what is stored lies from what was wanted, in squared Frobenius norms that add up over modules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.measures import energy, squared_distance
from lib_lbw.merge.numbers.quick import quick_rounding
from lib_lbw.merge.numbers.terms import Term, dense


@dataclass(frozen=True)
class Distance:
    """`lost`: squared norm of the difference; `energy`: squared norm of what was wanted. `+` adds modules up."""

    lost: float = 0.0
    energy: float = 0.0

    def __add__(self, other: "Distance") -> "Distance":
        """Return the distance over both."""
        return Distance(self.lost + other.lost, self.energy + other.energy)

    @property
    def error(self) -> float:
        """Norm of the difference over that of what was wanted: 0 if both are zero, infinite if only the latter is."""
        if not self.energy:
            return math.inf if self.lost else 0.0
        return math.sqrt(self.lost / self.energy)

    @property
    def kept(self) -> float:
        """Share of the energy that is still there, 0 to 1."""
        return max(0.0, 1.0 - self.lost / self.energy) if self.energy else 1.0


def between(stored: Term | None, wanted: Term | None, size: float | None = None) -> Distance:
    """Return the distance of two deltas of one layer, or of two vectors; None is zero.

    `size`: the energy of `wanted` where it is known already.
    """
    if wanted is None or stored is None:
        return Distance(0.0 if stored is None else energy(stored), 0.0 if wanted is None else energy(wanted))
    if isinstance(stored, LowRank) and isinstance(wanted, LowRank):
        return _between_factors(stored, wanted, size)
    size = energy(wanted) if size is None else size
    if isinstance(stored, Tensor) and stored.ndim < 2:
        return Distance(energy(stored.double() - _vector(wanted)), size)
    matrix = dense(wanted)
    return Distance(energy(dense(stored).to(matrix.dtype) - matrix), size)


def of_roles(stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Distance:
    """Return the distance of tensors of the same roles, for a module whose delta only the base weight tells."""
    pairs = [(stored[role].double(), tensor.double()) for role, tensor in wanted.items()]
    return sum((Distance(energy(a - b), energy(b)) for a, b in pairs), Distance())


def _between_factors(stored: LowRank, wanted: LowRank, size: float | None) -> Distance:
    """Of like ranks the factors are subtracted, where nothing cancels: one is the other rounded."""
    if stored.rank != wanted.rank:
        size = energy(wanted) if size is None else size
        return Distance(squared_distance(stored, wanted, size), size)
    quick = quick_rounding(stored, wanted)
    if quick is not None:
        return Distance(*quick)
    up, down = stored.up - wanted.up, stored.down - wanted.down
    change = LowRank(torch.cat([up, wanted.up], dim=1), torch.cat([stored.down, down]))
    return Distance(energy(change), energy(wanted) if size is None else size)


def _vector(term: Term) -> Tensor:
    if not isinstance(term, Tensor):
        raise TypeError("a vector and a matrix in one module")
    return term.double()
