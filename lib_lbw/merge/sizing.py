"""The ranks with which a file has the size that was asked for."""

import json
import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.lora.header import ITEM_SIZES
from lib_lbw.merge.chunks import squared_norm
from lib_lbw.merge.estimate import job_bytes
from lib_lbw.merge.job import Job
from lib_lbw.merge.metadata import describe
from lib_lbw.merge.numbers.size import Spectrum, ranks_for_size
from lib_lbw.merge.plan import EMBEDDING, MergePlan
from lib_lbw.merge.recipe_json import recipe_to_json
from lib_lbw.merge.workers import ShouldStop, map_modules, never

_ENTRY = 100  # bytes of a header for one tensor, without its name, at most
_TENSORS = 4  # of a module: two factors, alpha, a bias
_RESULT = 16_384  # bytes of metadata that are only known at the end: errors, block by block, and hashes
_WHOLE = ("dense", "keep", "vector")


def is_sized(job: Job) -> bool:
    """Tell whether the rank of the job may be chosen."""
    return job.way not in _WHOLE


def ranks_of_size(
    plan: MergePlan, spectra: Sequence[tuple[Job, Tensor]], should_stop: ShouldStop = never
) -> Mapping[ModuleId, int]:
    """Return the rank of every module with which the file has at most the bytes that the recipe says.

    `spectra`: the singular values of the jobs that are sized, cut to the most each may have. Raises MergeError, with
    the least that is possible, for a size that cannot be reached, and for a layer that the base lacks; MergeStopped.
    """
    size = plan.recipe.ranks.size or 0
    item = ITEM_SIZES[plan.dtype]
    fixed = _fixed(plan, item)
    found = {job.id: Spectrum(singular, (job.layer.out + job.layer.columns) * item) for job, singular in spectra}
    least = fixed + sum(each.bytes_per_rank for each in found.values() if len(each.singular))
    if least > size:
        raise MergeError(
            "a file of {size} bytes is impossible: with rank 1 in every module it takes {least}.",
            size=size,
            least=least,
        )
    references = _norms(plan, [job for job, _ in spectra], should_stop) if plan.recipe.ranks.relative else None
    return ranks_for_size(found, size - fixed, references)


def _norms(plan: MergePlan, jobs: Sequence[Job], should_stop: ShouldStop) -> dict[ModuleId, float]:
    """Return the Frobenius norms of the layers in the base; that of a layer of zeros is taken for the least other."""
    checkpoint = plan.checkpoint
    lacking = [job.id for job in jobs if checkpoint is None or (job.id, "weight") not in checkpoint.slots]
    if checkpoint is None or lacking:
        raise MergeError("the base has no layer {module}, so nothing can be weighed by it.", module=lacking[0])

    def norm(job: Job) -> float:
        return math.sqrt(squared_norm(checkpoint.read(checkpoint.slots[job.id, "weight"])))

    norms = map_modules(norm, jobs, lambda job: str(job.id), should_stop=should_stop)
    least = min(filter(None, norms), default=1.0)
    return {job.id: found or least for job, found in zip(jobs, norms, strict=True)}


def _fixed(plan: MergePlan, item: int) -> int:
    """Return the bytes that are there whatever the ranks are: header, metadata, and what has no rank."""
    whole = sum(job_bytes(job, item, plan.recipe) for job in plan.jobs if not is_sized(job))
    names = sum(_TENSORS * (len(job.names.module) + _ENTRY) for job in plan.jobs)
    sized = [job for job in plan.jobs if is_sized(job)]
    beside = sum(4 + job.layer.out * 4 for job in sized if any(_has_bias(part.module.tensors) for part in job.parts))
    beside += sum(part.module.nbytes for job in sized if job.keeps_magnitude for part in job.parts)
    return whole + names + beside + 4 * len(sized) + _metadata(plan) + _embeddings(plan)


def _has_bias(tensors: Mapping[str, object]) -> bool:
    return not tensors.keys().isdisjoint(("bias", "diff_b"))


def _metadata(plan: MergePlan) -> int:
    draft = describe(
        plan.recipe, recipe_to_json(plan.recipe), plan.family, [each.file.metadata for each in plan.opened], []
    )
    return len(json.dumps(draft, ensure_ascii=False).encode()) + _RESULT


def _embeddings(plan: MergePlan) -> int:
    infos = [
        each.file.header.tensors[key]
        for each in plan.opened
        for key in each.file.unknown_keys
        if key.startswith(EMBEDDING)
    ]
    return sum(info.end - info.start + len(info.name) + _ENTRY for info in infos)
