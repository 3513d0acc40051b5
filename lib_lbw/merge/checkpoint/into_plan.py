"""The pre-flight of building LoRAs into a checkpoint: which tensor gets what, told from headers alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lib_lbw.errors import FamilyError, MergeError
from lib_lbw.lora.writer import TensorSpec
from lib_lbw.merge.checkpoint.patching import Term
from lib_lbw.merge.checkpoint.placing import Found, placing_notices, some
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.checkpoint.storage import is_scaling
from lib_lbw.merge.destination import Replace, check_destination
from lib_lbw.merge.recipe import STORED, Recipe
from lib_lbw.merge.sources import Opened, open_sources
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.presets import ElementBook, PresetBook

_SEEDS = 2**63


@dataclass(frozen=True)
class IntoPlan:
    """A recipe that was looked through. `terms`: tensor of the checkpoint -> what is added to it, in order of the rows.

    `layout`: every tensor of the result. `left_out`: what of the LoRAs has no effect, with the reason. `seed` is that
    of stochastic rounding, None for rounding to the nearest.
    """

    recipe: Recipe
    checkpoint: Checkpoint
    opened: tuple[Opened, ...]
    terms: Mapping[str, tuple[Term, ...]]
    layout: tuple[TensorSpec, ...]
    left_out: tuple[str, ...]
    notices: tuple[Notice, ...]
    seed: int | None
    replace: Replace

    @property
    def size(self) -> int:
        """Bytes of the tensors of the result."""
        return sum(spec.nbytes for spec in self.layout)


def plan_into(
    recipe: Recipe,
    presets: PresetBook | None = None,
    elements: ElementBook | None = None,
    *,
    seed: int | None = None,
    replace: Replace = "nothing",
) -> IntoPlan:
    """Look through a recipe whose `base` is the checkpoint and whose sources are LoRAs.

    Raises CheckpointError, LoraFileError, DirectiveError, FamilyError for a LoRA of another model, and MergeError for
    what contradicts itself, for modules of another shape, and where nothing would change.
    """
    if recipe.base is None:
        raise MergeError("building LoRAs into a checkpoint needs the checkpoint.")
    if seed is not None and not 0 <= seed < _SEEDS:
        raise MergeError("{seed} is no seed: a whole number from 0 to {last}.", seed=seed, last=_SEEDS - 1)
    opened = open_sources(recipe, presets, elements)
    checkpoint = Checkpoint(recipe.base)
    _check_family(checkpoint, opened)
    check_destination(recipe.output, [recipe.base, *(source.path for source in recipe.sources)], replace)
    found = Found(checkpoint, opened)
    if found.misfits and not recipe.leave_out:
        raise MergeError(
            "{count:module does|modules do} not fit {path}: {modules}.",
            **{"count": len(found.misfits), "path": checkpoint.path.name, "modules": some(found.misfits)},
        )
    if not found.terms:
        raise MergeError("nothing would change: every module has the weight 0 or no layer in {path}.", path=recipe.base)
    terms = MappingProxyType({name: tuple(held) for name, held in found.terms.items()})
    return IntoPlan(
        recipe=recipe,
        checkpoint=checkpoint,
        opened=opened,
        terms=terms,
        layout=tuple(_layout(checkpoint, recipe)),
        left_out=(*found.missing, *found.misfits),
        notices=tuple(placing_notices(checkpoint, opened, found)),
        seed=seed,
        replace=replace,
    )


def _check_family(checkpoint: Checkpoint, opened: tuple[Opened, ...]) -> None:
    file = opened[0].file
    if file.family.id != checkpoint.family.id:
        raise FamilyError(
            "{lora} is for {family}, {path} is {own}. {reason}",
            **{"lora": file.path.name, "family": file.family.title, "reason": file.family_reason},
            **{"path": checkpoint.path.name, "own": checkpoint.family.title},
        )


def _layout(checkpoint: Checkpoint, recipe: Recipe) -> Iterator[TensorSpec]:
    """Give every tensor as it will be: layers in the type that was asked for, all others as they are."""
    eight = checkpoint.in_eight_bits
    if eight and recipe.dtype == "auto":
        raise MergeError(
            "{path} is stored in 8 bits, in which what a LoRA adds would be lost; choose fp16, bf16 or fp32 for the "
            "result.",
            path=checkpoint.path.name,
        )
    for name, info in checkpoint.header.tensors.items():
        if eight and is_scaling(name):
            continue
        changes = recipe.dtype != "auto" and name in checkpoint.held
        yield TensorSpec(name, STORED[recipe.dtype] if changes else info.dtype, info.shape)
