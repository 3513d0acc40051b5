"""Weights of one layout or family for another: by name where there is one, by depth where there is not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib_lbw.blocks.family import OTHER, Family

_NUMBERED = re.compile(r"([A-Z]+)([0-9]{2,3})")


@dataclass(frozen=True)
class Converted:
    """Block -> weight in the new layout, the weights that have no place in it, and blocks with a weight by depth."""

    values: dict[str, float]
    lost: tuple[tuple[str, float], ...]
    guessed: tuple[str, ...]


def convert(values: Mapping[str, float], source: Family, target: Family, length: int) -> Converted:
    """Return `values` of `source` for the blocks that a vector of `length` of `target` names.

    A block of the same name keeps its weight. In another family, the blocks of a numbered list take the weight of the
    block at the nearest depth of the list of the same name (IN, OUT, D, S), since depth is what gives a block its
    resolution; lists without a counterpart take 1. Blocks that the new vector does not name are 0, as `resolve` has it.
    One number throughout is the strength of the whole LoRA, in every family and length.
    """
    strengths = set(values.values())
    if len(strengths) == 1:
        return Converted(dict.fromkeys(target.shown(), strengths.pop()), (), ())
    names = target.layouts.get(length, target.shown()[:-1])
    same = source.id == target.id
    kept: dict[str, float] = {}
    guessed: list[str] = []
    for name in names:
        near = name if same or not _NUMBERED.fullmatch(name) else _nearest(name, names, values)
        if near in values:
            kept[name] = values[near]
        else:
            kept[name] = 0.0 if same else 1.0
        if near != name or near not in values:
            guessed.append(name)
    used = set(names) | {OTHER}
    lost = tuple((block, weight) for block, weight in values.items() if same and block not in used and weight != 0.0)
    absent = {name: 0.0 for name in target.shown() if name not in kept and name != OTHER}
    return Converted({**kept, **absent, OTHER: values.get(OTHER, 1.0)}, lost, tuple(guessed))


def _nearest(name: str, names: Sequence[str], values: Mapping[str, float]) -> str:
    """Return the block of the old list that stands at the depth of `name` in the new one; `name` when there is none."""
    kind = _kind(name)
    new = [each for each in names if _kind(each) == kind]
    old = [each for each in values if _kind(each) == kind]
    if not old or len(old) == len(new):
        return name
    share = new.index(name) / max(len(new) - 1, 1)
    return old[round(share * (len(old) - 1))]


def _kind(name: str) -> str:
    found = _NUMBERED.fullmatch(name)
    return found[1] if found else ""
