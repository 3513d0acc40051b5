"""A model family: its blocks in order, the names that stand for several, and the lengths of its vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from lib_lbw.errors import FamilyError

OTHER = "OTHER"
BASE = "BASE"
_NUMBERED = re.compile(r"([A-Z]+)([0-9]{1,3})")


@dataclass(frozen=True)
class Family:
    """One model family. Two families are equal when id, title and blocks are.

    `blocks`: every leaf in model order, text encoders first, "OTHER" (what lies outside all blocks) last.
    `groups`: names that stand for several leaves, as BASE for the text encoders.
    `layouts`: vector length -> the names its values stand for, in order.
    `attention_length`, `full_length`: the lengths of the vectors over the blocks with attention and over all blocks.
    `components`: component of a module (te1, te2, te3) -> leaf.
    `places`: first parts of a denoiser path ("down_blocks.1.attentions.0", "double_blocks.3", "img_in") -> leaf.
    """

    id: str
    title: str
    blocks: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(compare=False)
    layouts: Mapping[int, tuple[str, ...]] = field(compare=False)
    attention_length: int = field(compare=False)
    full_length: int = field(compare=False)
    components: Mapping[str, str] = field(compare=False, repr=False)
    places: Mapping[str, str] = field(compare=False, repr=False)

    def block(self, text: str) -> str | None:
        """Return the canonical name of a block or group, or None: "out1" is OUT01, "M00" is MID.

        A block that only a layout names (IN09 in an SDXL model) is a legal name too: it has no modules.
        """
        name = text.strip().upper()
        known = self._names()
        if name in known:
            return name
        numbered = _NUMBERED.fullmatch(name)
        if numbered is None:
            return None
        padded = f"{numbered[1]}{int(numbered[2]):02d}"
        if padded == "M00":
            padded = "MID"
        return padded if padded in known else None

    def leaves(self, name: str) -> tuple[str, ...]:
        """Return the leaves a canonical name stands for: BASE -> (TE1, TE2), IN01 -> (IN01,)."""
        return self.groups.get(name, (name,))

    def shown(self) -> tuple[str, ...]:
        """Return the names a user interface lists: those of the full vector, then OTHER."""
        return (*self.layouts[self.full_length], OTHER)

    def span(self, first: str, last: str) -> tuple[str, ...]:
        """Return the names from `first` to `last` in model order, either way round; MID lies between IN and OUT.

        The names are those of `shown()`; when an end is a leaf that `shown()` keeps inside a group (TE2), they are
        leaves. Blocks that this family has not (IN09 in SDXL) may be ends, and are not among the result.
        Raises FamilyError when an end is no canonical name of the family.
        """
        shown = self.shown()
        own = self.blocks if {first, last} & (set(self.blocks) - set(shown)) else shown
        longest = max(self.layouts.values(), key=len)
        order = own if len(longest) < len(own) else _merged(longest, own)
        for end in (first, last):
            if end not in order:
                raise FamilyError("{block} is no block of {family}", block=end, family=self.title)
        low, high = sorted((order.index(first), order.index(last)))
        return tuple(name for name in order[low : high + 1] if name in own)

    def _names(self) -> frozenset[str]:
        return _names(self)


@cache
def _names(family: Family) -> frozenset[str]:
    return frozenset(family.blocks).union(family.groups, *family.layouts.values())


def _merged(longest: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of `own` and `longest` in one order: all of `longest` in the place of the names they share."""
    start = next(index for index, name in enumerate(own) if name in longest and name != BASE)
    rest = tuple(name for name in longest if name not in own[:start])
    return (*own[:start], *rest, *(name for name in own[start:] if name not in longest))
