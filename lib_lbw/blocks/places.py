"""Where the parts of a denoiser lie: first parts of a module path -> block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lib_lbw.blocks.resources import expand
from lib_lbw.blocks.unet import LEVELS


def unet_places() -> dict[str, str]:
    """Return the first parts of a diffusers U-Net path -> block."""
    places = {"conv_in": "IN00", "mid_block": "MID"}
    for level in range(LEVELS):
        for kind in ("resnets", "attentions"):
            places.update({f"down_blocks.{level}.{kind}.{j}": f"IN{1 + 3 * level + j:02d}" for j in range(2)})
            places.update({f"up_blocks.{level}.{kind}.{j}": f"OUT{3 * level + j:02d}" for j in range(3)})
        places[f"down_blocks.{level}.downsamplers.0"] = f"IN{3 + 3 * level:02d}"
        places[f"up_blocks.{level}.upsamplers.0"] = f"OUT{2 + 3 * level:02d}"
    return places


def list_places(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return path -> leaf from leaf -> names; a range of leaves ("D00-D18") places the members of numbered lists."""
    places: dict[str, str] = {}
    for block, names in table.items():
        leaves = expand([block])
        for name in names:
            if len(leaves) == 1:
                places[name] = block
            else:
                places.update({f"{name}.{number}": leaf for number, leaf in enumerate(leaves)})
    return places
