"""Merges that weigh entries against each other instead of adding all of them, done in core space."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lib_lbw.errors import MergeError
from lib_lbw.merge.numbers.core import CoreSpace
from lib_lbw.merge.numbers.low_rank import LowRank


def ties(terms: Sequence[LowRank], scales: Sequence[float], density: float, *, average: bool = False) -> LowRank:
    """Return the TIES merge (Yadav 2023, arXiv 2306.01708): trim, elect a sign, add what agrees with it.

    Of each term the largest core entries are kept, the share `density` of them, above 0 to 1. Per entry the sign of
    the weighted sum is elected, and none where that is zero; what has that sign is added, or with `average` added and
    divided by how many have it. Doubling all scales doubles the result.
    Raises MergeError for another density, ValueError as `CoreSpace.of` does.
    """
    _check_density(density)
    space = CoreSpace.of(terms)
    parts = torch.stack([_trimmed(core, density) * scale for core, scale in zip(space.cores, scales, strict=True)])
    elected = parts.sum(0)
    tie = elected.abs() <= 4 * len(parts) * torch.finfo(parts.dtype).eps * parts.abs().sum(0)
    agreeing = (parts * elected > 0) & ~tie
    merged = torch.where(agreeing, parts, 0.0).sum(0)
    return space.back(merged / agreeing.sum(0).clamp(min=1) if average else merged)


def dare(terms: Sequence[LowRank], scales: Sequence[float], density: float, seed: int) -> LowRank:
    """Return the DARE merge (Yu 2023, arXiv 2311.03099): of each term a random `density` of the entries, divided by it.

    The plain sum is its mean over seeds. Every term draws its own entries, from `seed`.
    Raises MergeError for a density outside (0, 1], ValueError as `CoreSpace.of` does.
    """
    _check_density(density)
    space = CoreSpace.of(terms)
    generator = torch.Generator().manual_seed(seed)
    merged = torch.zeros_like(space.cores[0])
    for core, scale in zip(space.cores, scales, strict=True):
        drawn = torch.rand(core.shape, generator=generator, dtype=torch.float64) < density
        merged += torch.where(drawn.to(core.device), core * (scale / density), 0.0)
    return space.back(merged)


def _check_density(density: float) -> None:
    if not 0 < density <= 1:
        raise MergeError("The density must be above 0 and at most 1, not {value}.", value=density)


def _trimmed(core: Tensor, density: float) -> Tensor:
    flat = core.flatten()
    largest = flat.abs().topk(math.ceil(density * len(flat))).indices
    return torch.zeros_like(flat).index_copy(0, largest, flat[largest]).reshape(core.shape)
