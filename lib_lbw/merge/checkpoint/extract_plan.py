"""The pre-flight of a LoRA out of two checkpoints: which layers of alpha * A - beta * B it is made of.

Layers that do not differ are left out. Tables of vectors (token and position embeddings) and the VAE are no layers and
only told of. With `biases`, what biases and norms differ by goes along as `diff_b`, `w_norm` and `b_norm`, which not
every host reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import FamilyError, MergeError
from lib_lbw.lora.header import ITEM_SIZES
from lib_lbw.merge.checkpoint.difference import Key, Pair, is_embedding
from lib_lbw.merge.checkpoint.encoders import ALL, Choice, Encoder, encoders_of
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.checkpoint.remarks import pair_notices
from lib_lbw.merge.destination import Replace, check_destination
from lib_lbw.merge.layer import Layer
from lib_lbw.merge.recipe import STORED, Recipe
from lib_lbw.weights.notice import Notice

_AUTO: Mapping[str, Choice] = MappingProxyType({ALL: "auto"})


@dataclass(frozen=True)
class Extraction:
    """What to extract: `recipe` names A and B as its two sources, their ratios are alpha and beta.

    `encoders`: for te1, te2, or "all" that are not named, whether they are taken. `biases`: whether biases and norms
    are.
    """

    recipe: Recipe
    encoders: Mapping[str, Choice] = field(default_factory=lambda: _AUTO, hash=False)
    biases: bool = False

    def __post_init__(self) -> None:
        if len(self.recipe.sources) != 2:
            raise MergeError("a difference is that of two checkpoints, not of {given}.", given=len(self.recipe.sources))
        if self.recipe.ranks.size is not None:
            raise MergeError("an extraction takes a rank or a rule for it, no target size; resize the LoRA afterwards.")
        if self.recipe.ranks.blocks:
            raise MergeError("an extraction takes no ranks of single blocks; resize the LoRA afterwards.")


@dataclass(frozen=True)
class ExtractPlan:
    """An extraction that can be carried out: the slots of A and B that are compared, and what was found so far."""

    extraction: Extraction
    pair: Pair
    layers: tuple[tuple[Slot, Slot], ...]
    encoders: tuple[Encoder, ...]
    notices: tuple[Notice, ...]
    replace: Replace

    @property
    def size(self) -> int:
        """Bytes that the LoRA may come to have at the most."""
        return sum(most_bytes(slot, self.extraction.recipe) for slot, _ in self.layers)

    @property
    def files(self) -> tuple[Checkpoint, Checkpoint]:
        """A and B."""
        return self.pair.a, self.pair.b

    @property
    def family(self) -> Family:
        """The family of both checkpoints."""
        return self.pair.a.family


def plan_extract(extraction: Extraction, *, replace: Replace = "nothing") -> ExtractPlan:
    """Open both checkpoints and look at them: the families, the shapes, the text encoders, what is no layer.

    The text encoders and the VAEs are read once for it. Raises CheckpointError, FamilyError for two families, and
    MergeError for layers that do not fit each other.
    """
    a, b = extraction.recipe.sources
    pair = Pair(Checkpoint(a.path), Checkpoint(b.path), a.ratio, b.ratio)
    _check_families(pair)
    check_destination(extraction.recipe.output, [a.path, b.path], replace)
    left_out = _misfits(pair, leave_out=extraction.recipe.leave_out)
    encoders = encoders_of(pair, extraction.encoders)
    taken = {"unet"} | {encoder.component for encoder in encoders if encoder.taken}
    unfit = set(pair.misfits())
    layers = tuple(
        (one, other)
        for one, other in pair.common()
        if one.module.component in taken
        and (one.module, one.role) not in unfit
        and not is_embedding(one)
        and (extraction.biases or is_matrix(one))
    )
    return ExtractPlan(extraction, pair, layers, encoders, pair_notices(pair, encoders, left_out), replace)


def is_matrix(slot: Slot) -> bool:
    """Whether the slot is the weight of a linear layer or a convolution."""
    return slot.role == "weight" and len(slot.shape) > 1


def most_bytes(slot: Slot, recipe: Recipe) -> int:
    """Return the most bytes that the layer of `slot` may take in the LoRA."""
    item = ITEM_SIZES["F32" if recipe.dtype == "auto" else STORED[recipe.dtype]]
    if not is_matrix(slot):
        return slot.shape[0] * item
    layer = Layer(slot.shape)
    cap = recipe.ranks.cap(slot.module, conv=layer.conv)
    rank = layer.least_side if cap is None else min(cap, layer.least_side)
    return rank * (layer.out + layer.columns) * item


def _check_families(pair: Pair) -> None:
    one, other = pair.a, pair.b
    if one.family.id != other.family.id:
        raise FamilyError(
            "{first} is {family}, {second} is {other}; a difference needs two of one kind.",
            **{"first": one.path.name, "family": one.family.title},
            **{"second": other.path.name, "other": other.family.title},
        )


def _misfits(pair: Pair, *, leave_out: bool) -> tuple[str, ...]:
    """Return the layers whose shapes differ. Without asking only the first convolution may, which inpainting widens."""
    found = pair.misfits()
    if not leave_out and any(not _widened(key) for key in found):
        raise MergeError(
            "{first} and {second} differ in the shapes of {modules}; leave them out to extract the rest.",
            **{"first": pair.a.path.name, "second": pair.b.path.name},
            modules=", ".join(str(module) for module, _ in found),
        )
    return tuple(f"{module}.{role}" for module, role in found)


def _widened(key: Key) -> bool:
    return key[0] == ModuleId("unet", "conv_in")
