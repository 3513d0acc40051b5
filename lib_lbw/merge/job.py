"""What becomes of one module: kept, put together exactly, cut to a rank, or refused with a reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lib_lbw.blocks.locate import block_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.bake import bakeable
from lib_lbw.merge.block_ranks import block_ranks
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.layer import Layer, Probe, probe, same_layer
from lib_lbw.merge.parts import Part
from lib_lbw.merge.recipe import Recipe
from lib_lbw.merge.sources import Opened, family_of
from lib_lbw.merge.spelling import Names, Style, common_names, own_names
from lib_lbw.weights.notice import Notice

Way = Literal["keep", "vector", "concat", "cut", "core", "dense"]
"""keep: the tensors of the only source, weighed. vector: a norm or a bias, summed. concat: factors side by side.
cut: the best approximation of a rank. core: a method against interference. dense: the whole matrix."""

_NAMES = {"oft": "OFT", "boft": "BOFT", "ia3": "IA3", "glora": "GLoRA", "set": "a replaced weight"}


@dataclass(frozen=True)
class Job:
    """One module of the result. `limit`: the most ranks it may have, None for as many as the sum has.

    `exact_rank` is the summed rank, None where some part has no exact factors.
    """

    id: ModuleId
    block: str
    names: Names
    parts: tuple[Part, ...]
    way: Way
    layer: Layer
    exact_rank: int | None = None
    limit: int | None = None

    @property
    def most_ranks(self) -> int:
        """The highest rank the result can have."""
        bounds = (self.exact_rank, self.limit, self.layer.least_side if self.layer.is_matrix else 0)
        return min(bound for bound in bounds if bound is not None)

    @property
    def keeps_magnitude(self) -> bool:
        """Whether it is a DoRA that is cut and stays one."""
        return self.way == "cut" and len(self.parts) == 1 and self.parts[0].module.dora


@dataclass(frozen=True)
class Refused:
    """A module that cannot be merged, and why."""

    module: ModuleId
    block: str
    reason: Notice


class Sorter:
    """Decides what becomes of a module, from headers alone."""

    def __init__(self, recipe: Recipe, opened: Sequence[Opened], checkpoint: Checkpoint | None) -> None:
        """Take the recipe, its sources, and the checkpoint whose layers the sources were made for."""
        self._recipe = recipe
        self._opened = opened
        self._checkpoint = checkpoint
        self._family = family_of(tuple(opened))
        self._block_ranks = block_ranks(recipe.ranks.blocks, self._family)
        self._style = Style.of(opened[0].file.modules)

    def job(self, id: ModuleId, parts: tuple[Part, ...]) -> Job | Refused:
        """Return the job of a module, or why there is none. `parts` is not empty."""
        block = block_of(id, self._family)
        probes = [self._probe(part) for part in parts]
        layer = same_layer([each.layer for each in probes if each is not None])
        if layer is None:
            return Refused(id, block, self._different(parts, probes))
        names = self._names(id, parts)
        if self._kept(parts, layer):
            rank = None if probes[0] is None else probes[0].rank
            return Job(id, block, names, parts, "keep", layer, exact_rank=rank)
        reason = self._obstacle(parts, probes)
        if reason is not None:
            return Refused(id, block, reason)
        ranks = [each.rank for each in probes if each is not None and each.layer.shape]
        exact = None if None in ranks else sum(rank for rank in ranks if rank is not None)
        way, limit = self._way(id, layer, exact)
        return Job(id, block, names, parts, way, layer, exact, limit)

    def misfit(self, found: tuple[ModuleId, Notice]) -> Refused:
        """Return the refusal of a module that belongs to no layer of the result, and why."""
        id, reason = found
        return Refused(id, block_of(id, self._family), reason)

    def _names(self, id: ModuleId, parts: Sequence[Part]) -> Names:
        module = next((part.module for part in parts if part.module.id == id), None)
        if module is None:
            return self._style.names(id)
        return own_names(module) if len(self._opened) == 1 else common_names(module, self._family, self._style)

    def _way(self, id: ModuleId, layer: Layer, exact: int | None) -> tuple[Way, int | None]:
        """Return the way of a sum, and the most ranks it may have."""
        if not layer.is_matrix:
            return "vector", None
        cap = self._cap(id, layer)
        if self._recipe.method.kind != "sum":
            return "core", cap
        if self._recipe.ranks.by_spectrum:
            return "cut", cap
        limit = layer.least_side if cap is None else min(cap, layer.least_side)
        if exact is not None and exact <= limit:
            return "concat", None
        return ("dense", None) if exact is None and cap is None else ("cut", limit)

    def _cap(self, id: ModuleId, layer: Layer) -> int | None:
        """Return the most ranks that a module may have; None: as many as the sum has."""
        own = self._block_ranks.get(block_of(id, self._family))
        return self._recipe.ranks.cap(id, conv=layer.conv) if own is None else own

    def _kept(self, parts: Sequence[Part], layer: Layer) -> bool:
        """Tell whether the only part can stay what it is: its weight fits in, and nothing asks for fewer ranks."""
        module = parts[0].module
        if len(parts) > 1 or parts[0].rows or self._recipe.method.kind != "sum" or not bakeable(module, parts[0].scale):
            return False
        if module.needs_base and self._checkpoint is not None:
            return False
        ranks = self._recipe.ranks
        if not layer.is_matrix:
            return True
        cap = self._cap(module.id, layer)
        if ranks.by_spectrum:
            return False
        if module.algorithm == "lora" and module.rank is not None:
            return cap is None or module.rank <= cap
        # Other algorithms pay for ranks with fewer numbers; a resize turns them into plain LoRA all the same.
        small = cap is None or _numbers(module) <= cap * (layer.out + layer.columns)
        return small and self._recipe.operation != "resize"

    def _probe(self, part: Part) -> Probe | None:
        """Return what a part adds to the layer of the result; a DoRA that stays one by its plain part."""
        module = part.module
        if self._checkpoint is None or not module.needs_base:
            found = probe(module)
            moved = found is not None and part.rows
            return replace(found, layer=Layer((part.out, found.layer.columns))) if found and moved else found
        slot = self._checkpoint.slots.get((module.id, "weight"))
        return None if slot is None else Probe(Layer(slot.shape), None)

    def _obstacle(self, parts: Sequence[Part], probes: Sequence[Probe | None]) -> Notice | None:
        for part, found in zip(parts, probes, strict=True):
            if not part.module.needs_base or (found is not None and self._checkpoint is not None):
                continue
            if len(parts) == 1 and part.module.dora and part.scale == 1:
                continue  # its plain part is cut, the magnitude stays
            return self._needs_base(part)
        return None

    def _needs_base(self, part: Part) -> Notice:
        fields = {
            "lora": self._opened[part.source].file.name,
            "algorithm": "DoRA" if part.module.dora else _NAMES[part.module.algorithm],
            "weight": f"{part.scale:g}",
        }
        if self._checkpoint is not None:
            return Notice.of("{lora}: the base checkpoint has no such layer, which {algorithm} needs", **fields)
        if bakeable(part.module, part.scale):
            return Notice.of(
                "{lora}: {algorithm} depends on the weights of the layer and cannot be added to another LoRA; "
                "give the base checkpoint",
                **fields,
            )
        return Notice.of(
            "{lora}: {algorithm} is either on or off and cannot have the weight {weight}; give the base checkpoint",
            **fields,
        )

    def _different(self, parts: Sequence[Part], probes: Sequence[Probe | None]) -> Notice:
        shapes = [
            f"{self._opened[part.source].file.name} {list(found.layer.shape)}"
            for part, found in zip(parts, probes, strict=True)
            if found is not None and found.layer.shape
        ]
        return Notice.of("the layers differ: {shapes}", shapes=", ".join(shapes))


def _numbers(module: LoraModule) -> int:
    """Return how many numbers the file holds for the module's weight."""
    return sum(math.prod(info.shape) for info in module.tensors.values() if info.shape)
