"""How far what is stored lies from what was wanted, in squared Frobenius norms that add up over modules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.measures import energy
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
    size = energy(wanted) if size is None else size
    if isinstance(stored, LowRank) and isinstance(wanted, LowRank):
        return Distance(energy(_difference(stored, wanted)), size)
    if isinstance(stored, Tensor) and stored.ndim < 2:
        return Distance(energy(stored.double() - _vector(wanted)), size)
    matrix = dense(wanted)
    return Distance(energy(dense(stored).to(matrix.dtype) - matrix), size)


def of_roles(stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Distance:
    """Return the distance of tensors of the same roles, for a module whose delta only the base weight tells."""
    pairs = [(stored[role].double(), tensor.double()) for role, tensor in wanted.items()]
    return sum((Distance(energy(a - b), energy(b)) for a, b in pairs), Distance())


def _difference(stored: LowRank, wanted: LowRank) -> LowRank:
    """Return stored - wanted. Of like ranks the factors are subtracted, which is exact where one was rounded."""
    if stored.rank != wanted.rank:
        return concat([stored, wanted], [1.0, -1.0])
    up, down = stored.up - wanted.up, stored.down - wanted.down
    if not down.count_nonzero():
        return LowRank(up, stored.down)
    return LowRank(torch.cat([up, wanted.up], dim=1), torch.cat([stored.down, down]))


def _vector(term: Term) -> Tensor:
    if not isinstance(term, Tensor):
        raise TypeError("a vector and a matrix in one module")
    return term.double()
