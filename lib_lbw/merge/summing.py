"""What a module is to become, before it is rounded or cut: the exact sum, or what a method makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.blocks.module import ModuleId
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.numbers.interference import dare, ties
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.measures import energy, least_energy
from lib_lbw.merge.numbers.parts import project
from lib_lbw.merge.numbers.reduce import decompose
from lib_lbw.merge.numbers.terms import Term, total
from lib_lbw.merge.reading import Share
from lib_lbw.merge.recipe import Method

_NOTHING = 1e-26
"""Squared norm, relative to those of the terms, below which a sum is what rounding left of zero."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """The delta of a module at strength 1; None for nothing. `term` as in Share."""

    term: Term | None
    bias: Tensor | None

    @property
    def empty(self) -> bool:
        """Whether the module would do nothing."""
        return self.term is None and self.bias is None


def wanted(id: ModuleId, shares: Sequence[Share], method: Method) -> Wanted:
    """Return the sum of the shares, or what `method` makes of them. Norms and biases are always summed."""
    counted = [each for each in shares if each.source == 0] if method.kind in ("common", "unique") else list(shares)
    biases = [each.bias.double() * each.scale for each in counted if each.bias is not None]
    bias = torch.stack(biases).sum(0) if biases and method.kind != "common" else None
    held = [each for each in shares if each.term is not None]
    bias = None if bias is None or not bias.count_nonzero() else bias
    term = _combined(id, held, method) if held else None
    return Wanted(None if term is None or _is_nothing(term, held) else term, bias)


def _is_nothing(term: Term, held: Sequence[Share]) -> bool:
    """Whether the sum of what is `held` is only what rounding left of zero."""
    limit = _NOTHING * sum(each.scale**2 * _bound(each.term) for each in held if each.term is not None)
    if isinstance(term, LowRank) and least_energy(term) > limit:
        return False
    return energy(term) <= limit


def _combined(id: ModuleId, held: Sequence[Share], method: Method) -> Term | None:
    """Return what the terms make together; None where the method leaves nothing of them."""
    terms = [each.term for each in held if each.term is not None]
    scales = [each.scale for each in held]
    first = terms[0]
    if isinstance(first, Tensor) and first.ndim < 2:
        return torch.stack([_vector(term) * scale for term, scale in zip(terms, scales, strict=True)]).sum(0)
    if method.kind == "sum":
        return total(terms, scales)
    thin = [_thin(term) for term in terms]
    return _apart(held, thin, method) if method.kind in ("common", "unique") else _agreed(id, thin, scales, method)


def _agreed(id: ModuleId, thin: Sequence[LowRank], scales: Sequence[float], method: Method) -> LowRank:
    if method.kind == "ties":
        return ties(thin, scales, method.density, average=method.average)
    return dare(thin, scales, method.density, seed_of(f"{id} {method.seed}"))


def _apart(held: Sequence[Share], thin: Sequence[LowRank], method: Method) -> LowRank | None:
    """Return the part of the first source inside or outside the second; a layer only one of them has is outside."""
    own = {each.source: term for each, term in zip(held, thin, strict=True)}
    scales = {each.source: each.scale for each in held}
    if 0 not in own:
        return None
    if 1 in own:
        part = project(own[0], own[1], "common" if method.kind == "common" else "unique")
        return concat([part], [scales[0]])
    return concat([own[0]], [scales[0]]) if method.kind == "unique" else None


def _bound(term: Term) -> float:
    """Return a squared norm that is at least that of the term, and not much larger."""
    return energy(term.up) * energy(term.down) if isinstance(term, LowRank) else energy(term)


def _thin(term: Term) -> LowRank:
    """Return factors of a term, of its whole numerical rank."""
    if isinstance(term, LowRank):
        return term
    found = decompose(term)
    return found.cut(len(found.singular)).factors


def _vector(term: Term) -> Tensor:
    if not isinstance(term, Tensor):
        raise TypeError("a norm and a matrix in one module")
    return term.double()
