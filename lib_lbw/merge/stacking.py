"""Plain LoRAs in half precision set side by side: what most merges are, without a copy in float64.

The tensors are those that `summing` and `finishing` make, up to a last digit of float32, and they are measured as they
are read back in the same way. Whatever is not as plain as that, or cannot be told in float32, is left to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lib_lbw.lora.storage import TORCH_DTYPES
from lib_lbw.merge.distance import Distance
from lib_lbw.merge.encoding import cast, finite, term_roles
from lib_lbw.merge.finishing import Finisher, Outcome
from lib_lbw.merge.job import Job
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.quick import quick_rounding
from lib_lbw.merge.parts import Part
from lib_lbw.merge.precision import BOUNDS
from lib_lbw.merge.reading import read_finite
from lib_lbw.merge.sources import Opened

_HALVES = frozenset({"F16", "BF16"})
_FACTORS = ("lora_up", "lora_down")
_PLAIN = frozenset({*_FACTORS, "alpha", "scale"})


@dataclass(frozen=True)
class Stacker:
    """Makes the modules of way "concat" that are plain enough, of the sources `opened`, and has them stored."""

    opened: Sequence[Opened]
    finisher: Finisher

    def outcome(self, job: Job) -> Outcome | None:
        """Return what became of a job; None where it has to be done the longer way. Raises as `read_finite` does."""
        dtype = self.finisher.dtype
        if job.way != "concat" or dtype not in _HALVES or not all(map(_plain, job.parts)):
            return None
        exact = _side_by_side(job.parts, self.opened)
        tensors = cast(term_roles(job, exact), TORCH_DTYPES[dtype], {})
        if not finite(tensors):
            return None
        module, found = self.finisher.store(job, tensors)
        told = quick_rounding(LowRank(*(found[role].float().flatten(1) for role in _FACTORS)), exact)
        if told is None or Distance(*told).error > BOUNDS[dtype]:
            self.finisher.spool.drop(info.name for info in module.tensors.values())
            return None
        return Outcome(job, module, Distance(*told))


def _plain(part: Part) -> bool:
    """Whether the part is two factors in half precision and nothing else."""
    module = part.module
    if part.rows or module.algorithm != "lora" or not module.tensors.keys() <= _PLAIN:
        return False
    return all(module.tensors[role].dtype in _HALVES for role in _FACTORS)


def _side_by_side(parts: Sequence[Part], opened: Sequence[Opened]) -> LowRank:
    """Return the sum in float32, which holds the halves exactly."""
    held = [read_finite(part, opened) for part in parts]
    terms = [LowRank(*(tensors[role].flatten(1) for role in _FACTORS)) for tensors in held]
    return concat(terms, [part.scale * part.module.strength for part in parts], torch.float32)
