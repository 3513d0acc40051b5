"""From the words of a target to the leaves and elements it names in one family."""

import re
from collections.abc import Mapping
from itertools import chain
from typing import TypeAlias

from lib_lbw.blocks.family import OTHER, Family
from lib_lbw.errors import DirectiveError, FamilyError
from lib_lbw.weights.element_names import ELEMENT_NAMES, is_element, is_word
from lib_lbw.weights.faults import closest, fault
from lib_lbw.weights.terms import Area, Target

Part: TypeAlias = tuple[tuple[str, ...], bool]
"""Which modules of a leaf: those with one of the elements, or (True) those with none; no elements is the whole leaf."""

WHOLE: Part = ((), False)


def select(target: Target, family: Family) -> Mapping[str, Part]:
    """Return leaf -> part, in the family's order. Raises DirectiveError for a word that is no block and no element.

    A negated target is everything it does not name. OTHER is no block, so a target of blocks alone leaves it out
    unless it is named; a target with elements speaks of modules, and those of OTHER are modules like any.
    """
    named: dict[str, set[str]] = {}
    whole: set[str] = set()
    for area in target.areas:
        leaves, element = _place(area, family)
        if element is None:
            whole.update(leaves)
        else:
            for leaf in leaves:
                named.setdefault(leaf, set()).add(element.casefold())
    if not target.negated:
        return {
            leaf: WHOLE if leaf in whole else (tuple(sorted(named[leaf])), False)
            for leaf in family.blocks
            if leaf in whole or leaf in named
        }
    rest = [leaf for leaf in family.blocks if leaf not in whole and (named or leaf != OTHER)]
    return {leaf: (tuple(sorted(named[leaf])), True) if leaf in named else WHOLE for leaf in rest}


def check_element(element: str, family: Family, position: int) -> str:
    """Return `element` if it can be part of a module name of the family, else raise DirectiveError.

    In families known only by their modules any word will do that does not look like a block.
    """
    free = family.id.startswith("dit:") and is_word(element) and not re.fullmatch(r"[A-Za-z]+[0-9]+", element)
    if not free and not is_element(element):
        raise fault("{text!r} is no part of a module name", element, position, closest(element, ELEMENT_NAMES))
    return element


def known_blocks(family: Family) -> tuple[str, ...]:
    """Return every name the family answers to: leaves, groups and the names of its layouts."""
    return tuple(dict.fromkeys(chain(family.blocks, family.groups, *family.layouts.values())))


def _place(area: Area, family: Family) -> tuple[tuple[str, ...], str | None]:
    """Return the leaves of an area and its element."""
    first = family.block(area.first)
    if first is None and area.last is None:
        return family.blocks, _lone_element(area, family)
    start = _block(area.first, area.at, family)
    end = start if area.last is None else _block(area.last, area.at + len(area.first) + 1, family)
    names = (start,) if start == end else _span(start, end, area, family)
    leaves = tuple(leaf for name in names for leaf in family.leaves(name))
    if area.element is not None:
        check_element(area.element, family, area.at + str(area).index(".") + 1)
    return leaves, area.element


def _lone_element(area: Area, family: Family) -> str:
    """Read an area that begins with no block: all of it is an element, or it is a mistake."""
    try:
        return check_element(str(area), family, area.at)
    except DirectiveError:
        nearest = closest(area.first, (*known_blocks(family), *ELEMENT_NAMES))
        template = "{text!r} is no block of {family} and no part of a module name"
        raise fault(template, area.first, area.at, nearest, family=family.title) from None


def _block(text: str, position: int, family: Family) -> str:
    name = family.block(text)
    if name is None:
        nearest = closest(text, known_blocks(family))
        raise fault("{text!r} is no block of {family}", text, position, nearest, family=family.title)
    return name


def _span(start: str, end: str, area: Area, family: Family) -> tuple[str, ...]:
    try:
        return family.span(start, end)
    except FamilyError:
        template = "{text!r} is no range: its ends have no place in the order of the blocks of {family}"
        raise fault(template, str(area), area.at, family=family.title) from None
