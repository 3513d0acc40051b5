"""From float32 to the type a checkpoint stores, and how much of what was added survives it.

A LoRA changes a weight by about a thousandth; float16 keeps eleven bits, bfloat16 eight, so part of every small change
is lost. Rounding to the nearest loses least on each weight. Stochastic rounding (Gupta 2015, arXiv 1502.02551) is
right on average: a weight goes up or down with the odds of where it lies between its neighbours.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from lib_lbw.merge.chunks import chunks

_HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Survival:
    """What became of a change when it was stored.

    `energy` and `lost`: squared norms of the change and of what rounding made of it too much or too little. `meant`:
    how many weights were to change, `moved`: how many did.
    """

    energy: float = 0.0
    lost: float = 0.0
    meant: int = 0
    moved: int = 0

    def __add__(self, other: "Survival") -> "Survival":
        """Return both changes together."""
        return Survival(
            self.energy + other.energy, self.lost + other.lost, self.meant + other.meant, self.moved + other.moved
        )

    @property
    def error(self) -> float:
        """|stored - wanted| / |wanted|; 0 where nothing was wanted."""
        return sqrt(self.lost / self.energy) if self.energy else 0.0

    @property
    def unchanged(self) -> float:
        """Share of the weights that should have changed and did not, 0 to 1."""
        return 1 - self.moved / self.meant if self.meant else 0.0


def rounded(wide: Tensor, dtype: torch.dtype, source: torch.Generator | None = None) -> Tensor:
    """Return `wide` in `dtype`: to the nearest, or at random with the right mean where `source` is given.

    Only float16 and bfloat16 are rounded at random; what fits exactly stays exact either way.
    """
    near = wide.to(dtype)
    if source is None or dtype not in _HALVES:
        return near
    near = near.contiguous()
    for exact, stored in chunks(wide, near):
        stored.copy_(_drawn(exact, stored, source))
    return near


def survival(before: Tensor, wide: Tensor, after: Tensor) -> Survival:
    """Return how well `after`, as stored, holds the change from `before` to `wide`; all of one shape.

    Where `after` has another type than `before`, what counts is the distance to `before` in that type.
    """
    total = Survival()
    for old, exact, new in chunks(before, wide, after):
        wanted = exact.double() - old.double()
        got = new.double() - old.to(new.dtype).double()
        meant = wanted != 0
        total += Survival(
            energy=float((wanted * wanted).sum()),
            lost=float((got - wanted).square_().sum()),
            meant=int(meant.sum()),
            moved=int((meant & (got != 0)).sum()),
        )
    return total


def _drawn(exact: Tensor, near: Tensor, source: torch.Generator) -> Tensor:
    """Return `near` or its neighbour on the other side of `exact`."""
    rest = exact - near.to(exact.dtype)
    bits = near.view(torch.int16)
    outward = torch.where(near == 0, torch.ones_like(near), near).sign() == rest.sign()
    beside = torch.where(outward, bits + 1, bits - 1)
    smallest = torch.where(rest < 0, torch.full_like(bits, -(2**15) + 1), torch.ones_like(bits))
    other = torch.where(near == 0, smallest, beside).view(near.dtype)
    gap = other.to(exact.dtype) - near.to(exact.dtype)
    odds = torch.where(rest == 0, torch.zeros_like(rest), rest / gap)
    draw = torch.rand(exact.shape, generator=source, dtype=torch.float32).to(exact.device)
    return torch.where(draw < odds, other, near)
