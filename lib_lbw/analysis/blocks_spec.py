"""The Blocks field: `ALL`, `17ALL`, `IN01,IN02`, `IN04-OUT03`, `NOT BASE`, `IN01 IN02`, `OUT01.attn2`.

    field  = item *( "," item )
    item   = "ALL" | LENGTH "ALL" | ["NOT "] area *( " " area )
    area   = block | block "-" block | area "." element

`ALL` stands for every block the file holds, one item each; `17ALL` for the names of the 17-value vector. An item of
several areas is changed as one; `NOT` changes everything but the areas.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

from lib_lbw.blocks.family import Family
from lib_lbw.errors import AnalysisError

_LENGTH_ALL = re.compile(r"(\d*)ALL", re.IGNORECASE)
_NOT = re.compile(r"NOT(\s+|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Choice:
    """One item of the field: `label` to show and `target` as a directive writes it before the `@`."""

    label: str
    target: str


def parse_blocks(text: str, family: Family, present: Collection[str] | None = None) -> tuple[Choice, ...]:
    """Return the choices in the order written, without repeats.

    `present` are the leaves the file holds (None: all of the family); only `ALL` looks at them.
    Raises AnalysisError with the nearest right name.
    """
    choices: list[Choice] = []
    for item in re.split(r"[,\n]", text):
        if item.strip():
            choices += _choices(item.strip(), family, present)
    if not choices:
        raise AnalysisError("no blocks given; write ALL for every block the LoRA holds")
    return tuple(dict.fromkeys(choices))


def present_names(family: Family, present: Collection[str] | None = None) -> tuple[str, ...]:
    """Return the shown names of which the file holds at least one leaf, in the family's order."""
    held = set(family.blocks if present is None else present)
    return tuple(name for name in family.shown() if held.intersection(family.leaves(name)))


def _choices(item: str, family: Family, present: Collection[str] | None) -> list[Choice]:
    every = _LENGTH_ALL.fullmatch(item)
    if every is None:
        return [_choice(item, family)]
    if not every[1]:
        return [Choice(name, name) for name in present_names(family, present)]
    length = int(every[1])
    if length not in family.layouts:
        raise AnalysisError(
            "{text}: {family} has no vector of {length} values; there are {known}, and ALL for the blocks of the file",
            text=item,
            family=family.title,
            length=length,
            known=", ".join(f"{known}ALL" for known in sorted(family.layouts)),
        )
    return [Choice(name, name) for name in family.layouts[length]]


def _choice(item: str, family: Family) -> Choice:
    negated = _NOT.match(item)
    words = (item[negated.end() :] if negated else item).split()
    if not words:
        raise AnalysisError("{text}: NOT of nothing; name a block after it", text=item)
    target = ("NOT " if negated else "") + " ".join(_area(word, item, family) for word in words)
    return Choice(target, target)


def _area(word: str, item: str, family: Family) -> str:
    blocks, dot, element = word.partition(".")
    ends = blocks.split("-")
    if len(ends) > 2 or not all(ends) or (dot and not element):
        raise AnalysisError("{text}: {word} is no area; write IN01, IN01-IN05 or IN01.attn1", text=item, word=word)
    return "-".join(_block(name, item, family) for name in ends) + dot + element


def _block(name: str, item: str, family: Family) -> str:
    known = family.block(name)
    if known is None:
        nearest = get_close_matches(name.upper(), (*family.shown(), *family.blocks, "ALL"), 1, 0.0)[0]
        raise AnalysisError(
            "{text}: {family} has no block {name}; the nearest is {nearest}",
            text=item,
            family=family.title,
            name=name,
            nearest=nearest,
        )
    return known
