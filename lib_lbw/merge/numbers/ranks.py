"""Which rank a spectrum needs. Every rule gives the least k that satisfies it, and at least 1.

The names are those of sd-scripts' resize_lora (`sv_ratio`, `sv_fro`, `sv_cumulative`), whose results are one rank
too high.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.errors import MergeError

_SLACK = 16 * torch.finfo(torch.float64).eps  # 0.8 and 16/20 are the same


@dataclass(frozen=True)
class Fixed:
    """The rank `k`, 1 or more."""

    k: int

    def __post_init__(self) -> None:
        """Raise MergeError for a rank below 1."""
        if self.k < 1:
            raise MergeError("A rank must be at least 1, not {value}.", value=self.k)

    def rank(self, singular: Tensor) -> int:
        """Return `k`, whatever the spectrum."""
        return self.k


@dataclass(frozen=True)
class SvRatio:
    """As many as have a singular value above 1/`q` of the greatest, q >= 1."""

    q: float

    def __post_init__(self) -> None:
        """Raise MergeError for a ratio below 1."""
        if not self.q >= 1:
            raise MergeError("sv_ratio must be at least 1, not {value}.", value=self.q)

    def rank(self, singular: Tensor) -> int:
        """Return the number of values above sigma_1 / q. `singular` descending."""
        return max(1, int((singular > singular[:1] / self.q).sum()))


@dataclass(frozen=True)
class SvFro:
    """As many as keep the share `q` of the Frobenius norm (not of its square), 0 < q <= 1."""

    q: float

    def __post_init__(self) -> None:
        """Raise MergeError for a share outside (0, 1]."""
        _check_share("sv_fro", self.q)

    def rank(self, singular: Tensor) -> int:
        """Return the least k with sqrt(sum of the first k squares / sum of all squares) >= q. `singular` descending."""
        return _least(singular.double().square(), self.q**2)


@dataclass(frozen=True)
class SvCumulative:
    """As many as keep the share `q` of the sum of the singular values, 0 < q <= 1."""

    q: float

    def __post_init__(self) -> None:
        """Raise MergeError for a share outside (0, 1]."""
        _check_share("sv_cumulative", self.q)

    def rank(self, singular: Tensor) -> int:
        """Return the least k with (sum of the first k / sum of all) >= q. `singular` descending."""
        return _least(singular.double(), self.q)


RankRule = Fixed | SvRatio | SvFro | SvCumulative
"""A rule per module; `.rank(singular)` wants the whole spectrum."""


def _check_share(name: str, q: float) -> None:
    if not 0 < q <= 1:
        raise MergeError("{name} must be above 0 and at most 1, not {value}.", name=name, value=q)


def _least(parts: Tensor, share: float) -> int:
    """Return the least k whose remaining parts are no more than 1 - share of all; summed from the small end."""
    left_out = parts.flip(0).cumsum(0).flip(0)  # [j]: what is lost when j are kept
    allowed = (1 - share + _SLACK) * left_out[:1]
    return max(1, int((left_out > allowed).sum()))
