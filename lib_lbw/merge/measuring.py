"""Where the sources of a plan act, and where they act alike: energies and overlaps, block by block. Reads tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch

from lib_lbw.merge.device import CPU, threads, told_out_of_memory
from lib_lbw.merge.job import Job
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.measures import energy
from lib_lbw.merge.numbers.overlap import Overlap, overlap
from lib_lbw.merge.numbers.reduce import reduce
from lib_lbw.merge.numbers.terms import Term
from lib_lbw.merge.plan import MergePlan
from lib_lbw.merge.reading import Share, shares
from lib_lbw.merge.workers import OnProgress, ShouldStop, map_modules, never, silent

_DIRECTIONS = 128  # of a delta without exact factors


@dataclass(frozen=True)
class BlockOverlap:
    """How alike two sources (by their numbers) are in a block: the cosine of their weighed deltas.

    `expected` is the mean size of the cosine of two deltas of these shapes that have nothing to do with each other.
    """

    first: int
    second: int
    block: str
    cosine: float
    expected: float


@dataclass(frozen=True)
class Measures:
    """`energies`: for each source, block -> squared norm of its weighed deltas. `overlaps`: of every pair, by block."""

    energies: tuple[Mapping[str, float], ...]
    overlaps: tuple[BlockOverlap, ...]


_Found = tuple[str, dict[int, float], dict[tuple[int, int], Overlap]]


def measure(
    plan: MergePlan, on_progress: OnProgress = silent, should_stop: ShouldStop = never, device: torch.device = CPU
) -> Measures:
    """Return the measures of a plan, in family order of the blocks; computed on `device`.

    Modules that only the base weight tells are passed over, and so are norms and biases. Of a delta without exact
    factors the strongest directions are compared. Raises as `run_merge` does.
    """

    def work(job: Job) -> _Found:
        known = [part for part in job.parts if plan.checkpoint is not None or not part.module.needs_base]
        found = shares(known, plan.opened, plan.checkpoint, device) if job.layer.is_matrix else []
        return job.block, _energies(found), _overlaps(job, found)

    with told_out_of_memory(device):
        found = map_modules(work, plan.jobs, lambda job: str(job.id), on_progress, should_stop, threads(device))
    energies: list[dict[str, float]] = [{} for _ in plan.opened]
    overlaps: dict[tuple[int, int, str], Overlap] = {}
    for block, own, pairs in sorted(found, key=lambda each: plan.family.blocks.index(each[0])):
        for source, value in own.items():
            energies[source][block] = energies[source].get(block, 0.0) + value
        for pair, value_of_pair in pairs.items():
            overlaps[(*pair, block)] = overlaps.get((*pair, block), Overlap()) + value_of_pair
    told = tuple(BlockOverlap(*key, value.cosine, value.expected) for key, value in overlaps.items())
    return Measures(tuple(energies), told)


def _energies(shares: Sequence[Share]) -> dict[int, float]:
    found: dict[int, float] = {}
    for each in shares:
        if each.term is not None:
            found[each.source] = found.get(each.source, 0.0) + each.scale**2 * energy(each.term)
    return found


def _overlaps(job: Job, shares: Sequence[Share]) -> dict[tuple[int, int], Overlap]:
    thin = [(each.source, _thin(job, each.term, each.scale)) for each in shares if each.term is not None]
    return {(a, b): overlap(first, second) for (a, first), (b, second) in combinations(thin, 2)}


def _thin(job: Job, term: Term, scale: float) -> LowRank:
    found = term if isinstance(term, LowRank) else reduce(term, _DIRECTIONS, seed_of(str(job.id))).factors
    return LowRank(found.up * scale, found.down)
