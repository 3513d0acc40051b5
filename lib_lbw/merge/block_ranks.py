"""Ranks of their own for blocks: `OUT03-OUT05=8`, by the names of the family."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from lib_lbw.blocks.family import Family
from lib_lbw.errors import MergeError


def block_ranks(wished: Sequence[tuple[str, int]], family: Family) -> Mapping[str, int]:
    """Return leaf -> the most ranks its modules may have; of two wishes for a leaf the later counts.

    An area is a block, a group as BASE, or a range of blocks in model order. Raises MergeError, naming the nearest,
    for one that the family does not have.
    """
    ranks: dict[str, int] = {}
    for area, rank in wished:
        first, dash, last = area.partition("-")
        ends = [_block(end, family) for end in ((first, last) if dash else (first,))]
        names = family.span(ends[0], ends[-1]) if dash else (ends[0],)
        ranks |= {leaf: rank for name in names for leaf in family.leaves(name)}
    return ranks


def _block(text: str, family: Family) -> str:
    block = family.block(text)
    if block is None:
        nearest = next(iter(get_close_matches(text.strip().upper(), family.shown(), 1, 0.0)))
        raise MergeError(
            "{text!r} is no block of {family}; the nearest is {nearest}",
            text=text,
            family=family.title,
            nearest=nearest,
        )
    return block
