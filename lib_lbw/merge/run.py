"""Carries a plan out: module by module through a spool to a file that is checked before it gets its name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lib_lbw.errors import MergeError, MergeStopped
from lib_lbw.lora.atomic import told_as_lora_errors
from lib_lbw.lora.writer import Written
from lib_lbw.merge.destination import check_destination, check_space, folder_made
from lib_lbw.merge.device import CPU, told_out_of_memory
from lib_lbw.merge.digest import payload_digest
from lib_lbw.merge.distance import Distance
from lib_lbw.merge.embeddings import spool_embeddings
from lib_lbw.merge.finishing import Outcome
from lib_lbw.merge.metadata import describe
from lib_lbw.merge.output import write_file
from lib_lbw.merge.plan import MergePlan
from lib_lbw.merge.processing import process
from lib_lbw.merge.spool import Spool
from lib_lbw.merge.stored import settled, to_store
from lib_lbw.merge.workers import OnProgress, ShouldStop, map_modules, never, silent
from lib_lbw.weights.notice import Notice


@dataclass(frozen=True)
class MergeResult:
    """A finished file. `sha256` of its payload, `size` in bytes.

    `error`: |stored - wanted| / |wanted| over all modules; `kept`: block -> share of the energy (0 to 1) that is in
    the file; `ranks`: rank -> number of modules; `dropped`: modules whose sum is zero.
    """

    path: Path
    sha256: str
    size: int
    error: float
    kept: Mapping[str, float]
    ranks: Mapping[int, int]
    dropped: tuple[str, ...]
    notices: tuple[Notice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "bytes": self.size,
            "error": self.error,
            "kept": dict(self.kept),
            "ranks": {str(rank): count for rank, count in self.ranks.items()},
            "dropped": list(self.dropped),
            "notices": [str(notice) for notice in self.notices],
        }


def run_merge(
    plan: MergePlan, on_progress: OnProgress = silent, should_stop: ShouldStop = never, device: torch.device = CPU
) -> MergeResult:
    """Carry the plan out on `device`, one of `device.usable`, and return what came of it.

    `on_progress(done, all, module)` comes after each module; `should_stop()` is asked between modules.
    Raises MergeError for what stands in the way (see MergePlan.obstacle), numbers that are not finite or do not fit,
    an empty result, a full disk, or memory of the device; MergeStopped when told to; LoraFileError for a source that
    was changed. In every case nothing is left behind, and what lay at the output before still lies there.
    """
    if plan.obstacle is not None:
        raise plan.obstacle
    path = plan.recipe.output
    check_destination(path, plan.inputs, plan.replace)
    with folder_made(path.parent), told_out_of_memory(device):
        return _carried_out(plan, path, on_progress, should_stop, device)


def _carried_out(
    plan: MergePlan, path: Path, on_progress: OnProgress, should_stop: ShouldStop, device: torch.device
) -> MergeResult:
    check_space(path.parent, plan.estimate.size)
    with told_as_lora_errors(path), Spool(path.parent) as spool:
        digests = _digests(plan)
        outcomes = process(plan, spool, on_progress, should_stop, device)
        if all(each.module is None for each in outcomes):
            raise MergeError("nothing is left to write: the sum is zero in every module.")
        spool_embeddings(plan, spool)
        if should_stop():
            raise MergeStopped("The merge was stopped; nothing was written.")
        written = _write(plan, spool, outcomes, digests)
    return _result(plan, outcomes, written)


def _digests(plan: MergePlan) -> dict[Path, tuple[str, int]]:
    """Return the payload hashes of what goes in. Raises MergeError for a file that is not the one of the recipe."""
    recipe = plan.recipe
    wanted = [(each.source.path, each.source.sha256) for each in plan.opened]
    wanted += [] if recipe.base is None else [(recipe.base, recipe.base_sha256)]
    files = list(dict.fromkeys(path.resolve() for path, _ in wanted))
    digests = dict(zip(files, map_modules(payload_digest, files, str), strict=True))
    for path, sha256 in wanted:
        if sha256 not in ("", digests[path.resolve()][0]):
            raise MergeError("{path} was changed since; the recipe is of another file of that name.", path=path)
    return digests


def _write(
    plan: MergePlan, spool: Spool, outcomes: Sequence[Outcome], digests: Mapping[Path, tuple[str, int]]
) -> Written:
    stored = [(each.module, each.job.layer) for each in outcomes if each.module is not None]
    recipe = to_store(settled(plan.recipe, plan.opened, digests), plan.recipe, _summary(outcomes))
    sources = [each.file.metadata for each in plan.opened]
    metadata = describe(plan.recipe, recipe, plan.family, sources, stored)
    ids = {module.id for module, _ in stored}
    return write_file(plan.recipe.output, spool, metadata, ids, replace=plan.replace != "nothing")


def _result(plan: MergePlan, outcomes: Sequence[Outcome], written: Written) -> MergeResult:
    widened = sum(each.widened for each in outcomes)
    template = "{count:module goes|modules go} beyond the precision of the others: stored in float32."
    return MergeResult(
        path=written.path,
        sha256=written.sha256,
        size=written.size,
        error=_total(outcomes).error,
        kept={block: distance.kept for block, distance in _by_block(outcomes).items()},
        ranks=_ranks(outcomes),
        dropped=tuple(str(each.job.id) for each in outcomes if each.module is None),
        notices=(*plan.notices, *([Notice.of(template, count=widened)] if widened else [])),
    )


def _summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what is told of the result in its metadata."""
    worst = max(outcomes, key=lambda each: each.distance.error)
    return {
        "error": _total(outcomes).error,
        "worst": {"module": str(worst.job.id), "error": worst.distance.error},
        "blocks": {
            block: {"error": distance.error, "kept": distance.kept} for block, distance in _by_block(outcomes).items()
        },
        "ranks": {str(rank): count for rank, count in _ranks(outcomes).items()},
        "dropped": sum(each.module is None for each in outcomes),
    }


def _total(outcomes: Sequence[Outcome]) -> Distance:
    return sum((each.distance for each in outcomes), Distance())


def _by_block(outcomes: Sequence[Outcome]) -> dict[str, Distance]:
    found: dict[str, Distance] = {}
    for each in outcomes:
        found[each.job.block] = found.get(each.job.block, Distance()) + each.distance
    return found


def _ranks(outcomes: Sequence[Outcome]) -> dict[int, int]:
    ranks = Counter(each.module.rank for each in outcomes if each.module is not None and each.module.rank is not None)
    return dict(sorted(ranks.items()))
