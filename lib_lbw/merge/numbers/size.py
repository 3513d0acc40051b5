"""The ranks of all modules of a file that together fit a size and lose least."""

import heapq
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from lib_lbw.errors import MergeError

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of a module, descending and cut to the most it may keep, and the bytes that each costs."""

    singular: Tensor
    bytes_per_rank: int


def ranks_for_size(
    spectra: Mapping[Key, Spectrum], budget: int, references: Mapping[Key, float] | None = None
) -> dict[Key, int]:
    """Return the rank of every module so that the factors take at most `budget` bytes.

    Each module gets rank 1 (0 if its delta is zero). The rest goes, one rank at a time, where it saves the most
    squared error per byte, (sigma / reference)^2 / bytes; a module whose next rank no longer fits is done. As the
    gain falls with every rank of a module, no other choice of this size or less loses less, but for the last rank
    that did not fit. `references` are positive, the norms of the base layers, say: then error counts relative to the
    layer; without them it is the error of the file as a whole.
    Raises MergeError when even rank 1 everywhere is too large.
    """
    ranks = {key: min(1, len(spectrum.singular)) for key, spectrum in spectra.items()}
    left = budget - sum(spectra[key].bytes_per_rank * rank for key, rank in ranks.items())
    if left < 0:
        raise MergeError(
            "The file cannot be as small as {budget} bytes: rank 1 in every module takes {least} bytes.",
            **{"budget": budget, "least": budget - left},
        )
    gains = {key: _gains(spectrum, references[key] if references else 1.0) for key, spectrum in spectra.items()}
    queue = [
        (-gains[key][rank], order, key) for order, (key, rank) in enumerate(ranks.items()) if rank < len(gains[key])
    ]
    heapq.heapify(queue)
    while queue:
        _, order, key = heapq.heappop(queue)
        cost = spectra[key].bytes_per_rank
        if cost > left:
            continue
        left -= cost
        ranks[key] += 1
        if ranks[key] < len(gains[key]):
            heapq.heappush(queue, (-gains[key][ranks[key]], order, key))
    return ranks


def _gains(spectrum: Spectrum, reference: float) -> list[float]:
    """Return the squared error saved per byte by each rank."""
    if not reference > 0:
        raise ValueError(f"no norm: {reference}")
    gains: list[float] = ((spectrum.singular.double() / reference).square() / spectrum.bytes_per_rank).tolist()
    return gains
