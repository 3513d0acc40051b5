"""Several deltas as small matrices on common axes (Core Space, arXiv 2509.17786).

Delta i is left . core_i . right exactly, with orthonormal columns in `left` and rows in `right`. The axes are those
of the deltas, not of their factors: turning the factors of a term (U A, A^-1 D) changes nothing but signs. What is
done to single entries of the cores therefore does not depend on how a file happens to be factored, as it does when
`up` and `down` are treated apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.merge.numbers.low_rank import LowRank, common_shape

_EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True, eq=False)
class CoreSpace:
    """`left` [o, p] and `right` [q, n] orthonormal, one core [p, q] per term, all float64; p, q <= sum of the ranks."""

    left: Tensor
    cores: tuple[Tensor, ...]
    right: Tensor

    @classmethod
    def of(cls, terms: Sequence[LowRank]) -> "CoreSpace":
        """Return the common space of `terms`. Raises ValueError when there are none or their shapes differ."""
        common_shape([term.shape for term in terms])
        wide = [term.to(torch.float64) for term in terms]
        left = orthonormal(torch.cat([term.up for term in wide], dim=1))
        right = orthonormal(torch.cat([term.down for term in wide]).T)
        cores = [(left.T @ term.up) @ (term.down @ right) for term in wide]
        left_turn = _axes(torch.cat(cores, dim=1))
        right_turn = _axes(torch.cat(cores).T)
        turned = tuple(left_turn.T @ core @ right_turn for core in cores)
        return cls(left @ left_turn, turned, (right @ right_turn).T)

    def back(self, core: Tensor) -> LowRank:
        """Return left . core . right as factors of the smaller rank of p and q."""
        if core.shape[0] <= core.shape[1]:
            return LowRank(self.left, core @ self.right)
        return LowRank(self.left @ core, self.right)


def orthonormal(columns: Tensor) -> Tensor:
    """Return an orthonormal basis [o, p] of what the columns span, p their numerical rank, whatever their lengths."""
    lengths = torch.linalg.vector_norm(columns, dim=0)
    basis, core = torch.linalg.qr(columns[:, lengths > 0] / lengths[lengths > 0])
    turn, sizes, _ = torch.linalg.svd(core, full_matrices=False)
    spanned: Tensor = basis @ turn[:, sizes > max(columns.shape) * _EPS * sizes[:1]]
    return spanned


def _axes(matrix: Tensor) -> Tensor:
    """Return the principal axes of the columns of `matrix`, [p, p], longest first."""
    ascending: Tensor = torch.linalg.eigh(matrix @ matrix.T).eigenvectors
    return ascending.flip(1)
