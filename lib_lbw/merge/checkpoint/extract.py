"""A LoRA out of two checkpoints: what alpha * A - beta * B is, cut to a rank, layer by layer."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lib_lbw.blocks.locate import block_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from lib_lbw.errors import MergeError
from lib_lbw.lora.atomic import told_as_lora_errors
from lib_lbw.lora.module import LoraModule
from lib_lbw.lora.roles import algorithm_of
from lib_lbw.merge.checkpoint.extract_plan import ExtractPlan
from lib_lbw.merge.checkpoint.factors import made_of
from lib_lbw.merge.checkpoint.hashing import file_hash
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.checkpoint.work import Steps
from lib_lbw.merge.destination import check_space, folder_made
from lib_lbw.merge.device import CPU, told_out_of_memory
from lib_lbw.merge.distance import Distance
from lib_lbw.merge.layer import Layer
from lib_lbw.merge.metadata import StoredModule, describe
from lib_lbw.merge.output import write_file
from lib_lbw.merge.recipe import Recipe
from lib_lbw.merge.run import MergeResult
from lib_lbw.merge.spelling import Names, common_names
from lib_lbw.merge.spool import Spool
from lib_lbw.merge.stored import to_store
from lib_lbw.merge.workers import OnProgress, ShouldStop, exact_products, never, silent

_PASSED_ON = ("modelspec.title", "modelspec.prediction_type", "modelspec.resolution")
"""What of a checkpoint's metadata is true of its LoRA."""


@dataclass(frozen=True)
class Piece:
    """What became of a weight or a bias: the keys of its tensors by role (none where A and B do not differ)."""

    slot: Slot
    keys: dict[str, str]
    distance: Distance
    rank: int | None = None


def run_extract(
    plan: ExtractPlan, on_progress: OnProgress = silent, should_stop: ShouldStop = never, device: torch.device = CPU
) -> MergeResult:
    """Carry `plan` out, the singular values on `device`. Progress counts the bytes that are gone through.

    `dropped` of the result are the layers that do not differ; `error` and `kept` are relative to the whole difference
    of the layers that were taken. Raises MergeStopped when `should_stop` says so, CheckpointError for a file that was
    changed or holds NaN, MergeError where there is no difference or no room. Then nothing is left behind.
    """
    path = plan.extraction.recipe.output
    with folder_made(path.parent), told_out_of_memory(device), exact_products():
        check_space(path.parent, plan.size)
        return _carried_out(plan, path, on_progress, should_stop, device)


def _carried_out(
    plan: ExtractPlan, path: Path, on_progress: OnProgress, should_stop: ShouldStop, device: torch.device
) -> MergeResult:
    layers = sum(_nbytes(plan, slot) for slot, _ in plan.layers)
    files = sum(file.header.size - file.header.data_start for file in plan.files)
    steps = Steps(layers + files, on_progress, should_stop)
    with told_as_lora_errors(path), Spool(path.parent) as spool:
        pieces = tuple(_pieces(plan, spool, steps, device))
        modules = _modules(plan, pieces, spool)
        if not modules:
            raise MergeError("there is nothing to extract: no layer differs.")
        recipe = to_store(_settled(plan, steps), plan.extraction.recipe, _summary(plan, pieces))
        sources = [{k: v for k, v in file.header.metadata.items() if k in _PASSED_ON} for file in plan.files]
        metadata = describe(plan.extraction.recipe, recipe, plan.family, sources, modules)
        ids = {module.id for module, _ in modules}
        steps.begin()
        written = write_file(path, spool, metadata, ids, replace=plan.replace != "nothing")
    return MergeResult(
        path=written.path,
        sha256=written.sha256,
        size=written.size,
        error=_total(pieces).error,
        kept={block: distance.kept for block, distance in _by_block(plan, pieces).items()},
        ranks=dict(sorted(Counter(piece.rank for piece in pieces if piece.rank is not None).items())),
        dropped=tuple(f"{piece.slot.module}.{piece.slot.role}" for piece in pieces if not piece.keys),
        notices=plan.notices,
    )


def _pieces(plan: ExtractPlan, spool: Spool, steps: Steps, device: torch.device) -> Iterator[Piece]:
    """Make one layer after the other; the tensors go to the spool."""
    for one, other in plan.layers:
        steps.begin()
        yield _piece(plan, one, other, spool, device)
        steps.end(_nbytes(plan, one), str(one.module))


def _piece(plan: ExtractPlan, one: Slot, other: Slot, spool: Spool, device: torch.device) -> Piece:
    recipe = plan.extraction.recipe
    difference = plan.pair.difference(one, other)
    made = None if difference is None else made_of(one, difference.to(device), recipe.ranks, recipe.dtype)
    if made is None or made.rank == 0:
        return Piece(one, {}, Distance())
    names = _names(one.module, plan)
    spool.put({names.key(role): tensor for role, tensor in made.tensors.items()})
    return Piece(one, {role: names.key(role) for role in made.tensors}, made.distance, made.rank)


def _names(module: ModuleId, plan: ExtractPlan) -> Names:
    return common_names(LoraModule(module, spell(module, "kohya", plan.family), "lora", {}), plan.family)


def _modules(plan: ExtractPlan, pieces: Sequence[Piece], spool: Spool) -> list[StoredModule]:
    """Return the modules of the LoRA with the layers they change."""
    held: defaultdict[ModuleId, list[Piece]] = defaultdict(list)
    for piece in pieces:
        if piece.keys:
            held[piece.slot.module].append(piece)
    return [_module(plan, id, each, spool) for id, each in held.items()]


def _module(plan: ExtractPlan, id: ModuleId, pieces: Sequence[Piece], spool: Spool) -> StoredModule:
    spelled = _names(id, plan).module
    infos = {role: spool.info(key) for piece in pieces for role, key in piece.keys.items()}
    rank = next((piece.rank for piece in pieces if piece.rank is not None), None)
    alpha = None if rank is None else float(rank)
    weight = plan.pair.a.slots[id, "weight"]
    return LoraModule(id, spelled, algorithm_of(spelled, infos), infos, rank, alpha), Layer(weight.shape)


def _settled(plan: ExtractPlan, steps: Steps) -> Recipe:
    """Return the recipe with the payload of both files."""
    recipe = plan.extraction.recipe
    sources = []
    for source, file in zip(recipe.sources, plan.files, strict=True):
        start = file.header.data_start
        sources.append(replace(source, sha256=file_hash(file.path, steps, start), size=file.header.size - start))
    return replace(recipe, sources=tuple(sources))


def _summary(plan: ExtractPlan, pieces: Sequence[Piece]) -> dict[str, object]:
    return {
        "error": _total(pieces).error,
        "blocks": {block: {"kept": distance.kept} for block, distance in _by_block(plan, pieces).items()},
        "encoders": {each.component: {"change": each.change, "taken": each.taken} for each in plan.encoders},
        "biases": plan.extraction.biases,
    }


def _total(pieces: Sequence[Piece]) -> Distance:
    return sum((piece.distance for piece in pieces), Distance())


def _by_block(plan: ExtractPlan, pieces: Sequence[Piece]) -> dict[str, Distance]:
    found = {leaf: Distance() for leaf in plan.family.blocks}
    for piece in pieces:
        found[block_of(piece.slot.module, plan.family)] += piece.distance
    return {leaf: distance for leaf, distance in found.items() if distance.energy}


def _nbytes(plan: ExtractPlan, slot: Slot) -> int:
    info = slot.stored(plan.pair.a.header.tensors[slot.tensor])
    return info.end - info.start
