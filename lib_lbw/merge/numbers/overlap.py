"""How far two LoRAs point the same way, beside how far chance alone would have them.

For A = U S V^T and B fixed, with U and V drawn uniformly (Haar) and independently, <A, B> has mean 0 and variance
|A|^2 |B|^2 / (o n), whatever the ranks: with x_ij = u_i . p_j of variance 1/o, y_ij = v_i . q_j of variance 1/n, the
s_i t_j x_ij y_ij are uncorrelated. Given the x_ij it is near normal with variance sum(w_ij x_ij^2) / n, w_ij =
s_i^2 t_j^2, a weighted chi square whose degrees of freedom are d = (sum w)^2 / sum w^2 (Satterthwaite 1946). So
E|<A, B>| = sqrt(2 / pi) g(d) |A| |B| / sqrt(o n), g(d) = sqrt(2 / d) Gamma((d + 1) / 2) / Gamma(d / 2): 2 / pi of the
root for two deltas of rank 1, sqrt(2 / pi) of it for many equal directions. Sums over modules add up variances. The
variance is exact; the mean is up to 6 % too low where a few directions of unequal size dominate.
"""

import math
from dataclasses import dataclass

import torch

from lib_lbw.merge.numbers.low_rank import LowRank, common_shape

_MANY = 1e6  # degrees of freedom from which g is 1


@dataclass(frozen=True)
class Overlap:
    """Sums over modules: <A, B>, |A|^2, |B|^2, the variance of <A, B> by chance, and the sum of variance^2 / d.

    `Overlap()` is that of no module; `+` joins modules, so a block is the sum over its modules. A module that only
    one of the two has counts by its energy alone: Overlap(energy_a=...).
    """

    inner: float = 0.0
    energy_a: float = 0.0
    energy_b: float = 0.0
    variance: float = 0.0
    concentration: float = 0.0

    def __add__(self, other: "Overlap") -> "Overlap":
        """Return the overlap over the modules of both."""
        return Overlap(
            self.inner + other.inner,
            self.energy_a + other.energy_a,
            self.energy_b + other.energy_b,
            self.variance + other.variance,
            self.concentration + other.concentration,
        )

    @property
    def cosine(self) -> float:
        """<A, B> / (|A| |B|), -1 to 1; 0 where one is zero."""
        size = math.sqrt(self.energy_a) * math.sqrt(self.energy_b)
        return self.inner / size if size else 0.0

    @property
    def expected(self) -> float:
        """The mean of |cosine| over independent random subspaces of these shapes and spectra; 0 where one is zero."""
        size = math.sqrt(self.energy_a) * math.sqrt(self.energy_b)
        if not size or not self.concentration:
            return 0.0
        freedom = self.variance / (self.concentration / self.variance)
        return math.sqrt(2 / math.pi * self.variance) / size * _mean_root(freedom)


def overlap(a: LowRank, b: LowRank) -> Overlap:
    """Return the overlap of two deltas of one module. Raises ValueError when the shapes differ."""
    o, n = common_shape([a.shape, b.shape])
    a, b = a.to(torch.float64), b.to(torch.float64)
    inner = float(((a.up.T @ b.up) * (a.down @ b.down.T)).sum())
    (energy_a, fourth_a), (energy_b, fourth_b) = _moments(a), _moments(b)
    return Overlap(inner, energy_a, energy_b, energy_a * energy_b / (o * n), fourth_a * fourth_b / (o * n) ** 2)


def _moments(f: LowRank) -> tuple[float, float]:
    """Return the sums of the squares and of the fourth powers of the singular values."""
    product = (f.up.T @ f.up) @ (f.down @ f.down.T)
    return float(product.trace()), float((product * product.T).sum())


def _mean_root(freedom: float) -> float:
    """Return g(d) of the module's text."""
    if freedom > _MANY:
        return 1.0
    return math.sqrt(2 / freedom) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
