"""Where a module lies: its block, and the parts of its name inside the block."""

from __future__ import annotations

from functools import lru_cache

from lib_lbw.blocks.family import OTHER, Family
from lib_lbw.blocks.module import ModuleId

_PLACE_DEPTHS = (4, 3, 2, 1)
_LAYER_LISTS = frozenset({"transformer_blocks", "layers", "block"})


@lru_cache(maxsize=65536)
def block_of(module: ModuleId, family: Family) -> str:
    """Return the leaf of `family` that holds `module`; "OTHER" when it lies outside every block.

    Outside are the time and label embeddings and the last layers of a U-Net, the text projection, and whatever a
    family has no block for.
    """
    parts = module.path.split(".")
    if module.is_text_encoder:
        return OTHER if parts[0] == "text_projection" else family.components.get(module.component, OTHER)
    for depth in _PLACE_DEPTHS:
        leaf = family.places.get(".".join(parts[:depth]))
        if leaf is not None:
            return leaf if leaf in family.blocks else OTHER
    return OTHER


@lru_cache(maxsize=65536)
def elements_of(module: ModuleId) -> tuple[str, ...]:
    """Return the parts of the path inside the block, for elemental rules.

    A number stands alone only where it counts transformer layers; every other number stays with its name:
    `down_blocks.2.attentions.1.transformer_blocks.3.attn1.to_out.0` gives
    ("attentions.1", "transformer_blocks", "3", "attn1", "to_out.0").
    """
    parts = module.path.split(".")
    skip = _block_depth(module.component, parts)
    elements: list[str] = []
    for previous, part in zip(["", *parts], parts, strict=False):
        if part.isdigit() and previous not in _LAYER_LISTS and elements:
            elements[-1] += f".{part}"
        else:
            elements.append(part)
        if skip:
            skip -= 1
            elements.clear()
    return tuple(elements)


def _block_depth(component: str, parts: list[str]) -> int:
    """Return how many leading parts only name the block."""
    if component == "unet":
        return {"down_blocks": 2, "up_blocks": 2, "mid_block": 1}.get(parts[0], 0)
    if component == "transformer" and len(parts) > 2 and parts[1].isdigit():
        return 2
    return 0
