"""Diffusion transformers as data: their families, and which of them a set of numbered lists fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lib_lbw.blocks.places import list_places
from lib_lbw.blocks.resources import expand, read_data
from lib_lbw.blocks.structure import BASE, OTHER, Family

_TEXT_ENCODERS: Mapping[str, str] = {"te1": "TE1", "te2": "TE2", "te3": "TE3"}


@dataclass(frozen=True)
class BlockList:
    """A numbered list of modules: its name in each kind of file, the prefix of its block names, its length."""

    names: tuple[str, ...]
    prefix: str
    length: int


@dataclass(frozen=True)
class Kind:
    """A known transformer: family id, lists in block order, and what may follow a number in them.

    `default`: the one to take when several kinds fit a file that holds only some of the blocks.
    """

    family: str
    lists: tuple[BlockList, ...]
    children: frozenset[str]
    default: bool

    def fits(self, found: Mapping[str, int], children: Iterable[str]) -> bool:
        """Whether lists of these lengths (name -> highest number + 1) and these children can be of this kind."""
        lengths = {name: each.length for each in self.lists for name in each.names}
        return all(name in lengths and length <= lengths[name] for name, length in found.items()) and all(
            self._allows(child) for child in children
        )

    def full(self, found: Mapping[str, int], *, longest_only: bool) -> bool:
        """Whether every list (or only the longest one) is found at its full length."""
        lists = [max(self.lists, key=lambda each: each.length)] if longest_only else self.lists
        return all(any(found.get(name) == each.length for name in each.names) for each in lists)

    def _allows(self, child: str) -> bool:
        parts = child.split(".")
        return any(".".join(parts[:size]) in self.children for size in range(1, len(parts) + 1))


@cache
def kinds() -> tuple[Kind, ...]:
    """Return the kinds of `data/dit.json`."""
    return tuple(
        Kind(
            family=entry.get("family") or entry["id"],
            lists=_block_lists(entry),
            children=frozenset(entry["children"]),
            default=entry.get("default", False),
        )
        for entry in read_data("dit")["kinds"]
    )


def recognise(found: Mapping[str, int], children: Iterable[str]) -> str | None:
    """Return the id of the one family that fits, or None when none or several do.

    `found` is list name -> highest number + 1. Full lists decide first, then a full longest list, then whether only
    one kind can hold these numbers and names at all.
    """
    fitting = [kind for kind in kinds() if kind.fits(found, children)]
    for narrowed in (
        [kind for kind in fitting if kind.full(found, longest_only=False)],
        [kind for kind in fitting if kind.full(found, longest_only=True)],
        fitting,
        [kind for kind in fitting if kind.default],
    ):
        if len(narrowed) == 1:
            return narrowed[0].family
    return None


def dit_families() -> tuple[Family, ...]:
    """Return the families that only `data/dit.json` describes."""
    return tuple(
        build_family(entry["id"], entry["title"], _block_lists(entry), entry.get("parts", {}))
        for entry in read_data("dit")["kinds"]
        if "id" in entry
    )


def build_family(id: str, title: str, lists: Sequence[BlockList], parts: Mapping[str, Sequence[str]]) -> Family:
    """Return a family with BASE, IN, the named `parts` (leaf -> names), the lists and OUT as its vector."""
    data = read_data("dit")
    leaves = [f"{each.prefix}00-{each.prefix}{each.length - 1:02d}" for each in lists]
    places = list_places({"IN": data["inputs"], "OUT": data["outputs"], **parts})
    for each, leaf in zip(lists, leaves, strict=True):
        places |= list_places({leaf: each.names})
    denoiser = ("IN", *parts, *expand(leaves), "OUT")
    layout = (BASE, *denoiser)
    text_encoders = tuple(_TEXT_ENCODERS.values())
    return Family(
        id=id,
        title=title,
        blocks=(*text_encoders, *denoiser, OTHER),
        groups={BASE: text_encoders},
        layouts={len(layout): layout},
        attention_length=len(layout),
        full_length=len(layout),
        components=_TEXT_ENCODERS,
        places=places,
    )


def _block_lists(entry: Mapping[str, Any]) -> tuple[BlockList, ...]:
    return tuple(BlockList(tuple(each["names"]), each["prefix"], each["length"]) for each in entry["lists"])
