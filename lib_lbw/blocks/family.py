"""The families we know: Stable Diffusion 1, 2 and XL, Flux.1, Chroma, and the newer transformers of `data/dit.json`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from lib_lbw.blocks.kinds import dit_families
from lib_lbw.blocks.places import list_places, unet_places
from lib_lbw.blocks.resources import expand, read_data
from lib_lbw.blocks.structure import BASE, OTHER, Family
from lib_lbw.errors import FamilyError

__all__ = ["BASE", "OTHER", "Family", "families", "family"]


def family(id: str) -> Family:
    """Return the family of that id. Raises FamilyError naming the nearest id."""
    known = {each.id: each for each in families()}
    if id not in known:
        nearest = get_close_matches(id, known, 1, 0.0)[0]
        raise FamilyError("no model family is called {id!r}; the nearest is {nearest!r}", id=id, nearest=nearest)
    return known[id]


@cache
def families() -> tuple[Family, ...]:
    """Return every known family, the U-Nets first."""
    return (*(_from_data(entry) for entry in read_data("families")["families"]), *dit_families())


def _from_data(entry: Mapping[str, Any]) -> Family:
    layouts = {int(length): expand(names) for length, names in read_data("layouts")[entry["layouts"]].items()}
    places = unet_places() if entry["places"] == "unet" else list_places(entry["places"])
    return Family(
        id=entry["id"],
        title=entry["title"],
        blocks=expand(entry["blocks"]),
        groups={name: tuple(leaves) for name, leaves in entry["groups"].items()},
        layouts=layouts,
        attention_length=entry["attention_length"],
        full_length=entry["full_length"],
        components=dict(entry["components"]),
        places=places,
    )
