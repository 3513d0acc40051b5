"""A grammar of module names as a tree of name parts, read in both directions.

A rule is a list of branches; a branch is one part of a name as files write it, the canonical part in its place, and
the rule for what follows (None: the name ends here). The notation of the data is in `data/names.json`. A name is
accepted only when the tree explains all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lib_lbw.blocks.resources import read_data
from lib_lbw.blocks.similar import similarity
from lib_lbw.blocks.unet import ldm_input_blocks, ldm_output_blocks

Side = Literal[0, 1]
WRITTEN: Side = 0
CANONICAL: Side = 1
_TYPING_ERROR = 0.6
"""A known part with a higher ratio (difflib) to what is written is what was meant."""

_LONGEST_PART = 3
"""The longest parts have three words (time_emb_proj)."""

NUMBER = re.compile("0|[1-9][0-9]{0,2}")
"""A number in a module name; no model has a thousand of anything, and a file must not make us count to a billion."""


@dataclass(frozen=True)
class Branch:
    """One step of the tree: `names` are the (written, canonical) parts, `rule` what follows or None at the end."""

    names: tuple[str, str]
    rule: Rule | None


class Rule:
    """The branches of one node of the tree, in the order of the data and with the longest written part first."""

    def __init__(self, branches: tuple[Branch, ...]) -> None:
        self.ordered = branches
        self.longest_first = tuple(sorted(branches, key=lambda branch: len(branch.names[WRITTEN]), reverse=True))

    def branches(self, side: Side) -> tuple[Branch, ...]:
        """Return the branches in the order to try them when reading `side`."""
        return self.longest_first if side == WRITTEN else self.ordered


@cache
def rule(name: str) -> Rule:
    """Return the rule of that name, compiled from the data. Raises KeyError for a name the data does not have."""
    generated = {"ldm_input_blocks": ldm_input_blocks, "ldm_output_blocks": ldm_output_blocks}
    return _compiled(generated[name]() if name in generated else read_data("names")[name])


def rewrite(text: str, tree: Rule, separator: str, source: Side = WRITTEN) -> str | None:
    """Return the dotted name on the other side of `source`, or None when the tree does not explain `text`.

    `separator` is what stands between the parts of `text`: "." or "_".
    """
    for branch in tree.branches(source):
        rest = _after(text, branch.names[source], separator)
        if rest is None:
            continue
        part = branch.names[1 - source]
        if part.startswith("#"):
            part = text[: len(text) - len(rest)].removesuffix(separator)
        if branch.rule is None:
            if not rest:
                return part
            continue
        tail = rewrite(rest, branch.rule, separator, source)
        if tail is not None:
            return f"{part}.{tail}" if part and tail else part or tail
    return None


@dataclass(frozen=True)
class Misread:
    """Where a tree stops to explain a name: the rest, the right name near it or None, and how near (difflib ratio)."""

    rest: str
    near: str | None
    ratio: float


def misread(text: str, tree: Rule, separator: str) -> Misread:
    """Return how far `tree` explains `text`, a name that it refuses, and what may have been meant."""
    rest, expected = _furthest(text, tree, separator)
    words = rest.split(separator)
    best, best_ratio = None, _TYPING_ERROR
    for size in range(1, _LONGEST_PART + 1 if separator == "_" else 2):
        written, tail = separator.join(words[:size]), separator.join(words[size:])
        for part in expected:
            ratio = similarity(part, written, best_ratio)
            if ratio:
                best, best_ratio = f"{part}{separator if tail else ''}{tail}", ratio
    return Misread(rest, None if best is None else text.removesuffix(rest) + best, best_ratio)


def _furthest(text: str, tree: Rule, separator: str) -> tuple[str, list[str]]:
    """Return the shortest rest of `text` that a walk down the tree reaches, and the written parts expected there."""
    reached = (text, [branch.names[WRITTEN] for branch in tree.longest_first if branch.names[WRITTEN]])
    for branch in tree.longest_first:
        rest = _after(text, branch.names[WRITTEN], separator)
        if rest is None:
            continue
        deeper = (rest, []) if branch.rule is None else _furthest(rest, branch.rule, separator)
        if len(deeper[0]) < len(reached[0]):
            reached = deeper
    return reached


def _after(text: str, part: str, separator: str) -> str | None:
    """Return what follows `part` and its separator at the head of `text`, or None when `text` begins otherwise."""
    if part.startswith("#"):
        head = text.partition(separator)[0]
        below = part[1:]
        if NUMBER.fullmatch(head) is None or (below and int(head) >= int(below)):
            return None
        part = head
    elif not part:
        return text
    if text == part:
        return ""
    return text[len(part) + 1 :] if text.startswith(part) and text[len(part)] == separator else None


def _compiled(source: Mapping[str, Any] | str) -> Rule:
    if isinstance(source, str):
        return rule(source)
    branches: list[Branch] = []
    for key, value in source.items():
        written, arrow, canonical = key.partition(">")
        names = (written, canonical if arrow else written)
        branches.append(Branch(names, None if value is True else _compiled(value)))
    return Rule(tuple(branches))
