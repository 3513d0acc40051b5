"""The weights of a directive as values: what stands after `lbw=`, or after the name in a preset file.

`at` is the offset of the text a value was read from, for error messages; it takes no part in comparing values.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from lib_lbw.weights.element_names import is_word
from lib_lbw.weights.faults import fault
from lib_lbw.weights.value import Value, is_value

RESERVED = re.compile(r"[:<>=#{}|$]|__")
"""What no value may hold: the host splits on `:` `>` `=`; comments and Dynamic Prompts take the others."""

_WORD = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Area:
    """Blocks, sub-modules, or sub-modules of blocks: `IN01`, `IN01-IN05`, `attn2`, `IN01.attn2`, `IN01-IN05.3`.

    A lone word stands in `first`, be it a block or an element: which of the two, only the family knows.
    """

    first: str
    last: str | None = None
    element: str | None = None
    at: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        for word in (self.first, self.last or self.first):
            if not _WORD.fullmatch(word) or "__" in word or word.upper() == "NOT":
                raise fault("{text!r} is no block name", word, self.at)
        if self.element is not None and not is_word(self.element):
            raise fault("{text!r} is no part of a sub-module name", self.element, self.at)

    def __str__(self) -> str:
        blocks = self.first if self.last is None else f"{self.first}-{self.last}"
        return blocks if self.element is None else f"{blocks}.{self.element}"


@dataclass(frozen=True)
class Target:
    """What a term sets: all its areas, or (`negated`) everything else. At least one area."""

    areas: tuple[Area, ...]
    negated: bool = False

    def __post_init__(self) -> None:
        if not self.areas:
            raise fault("a target needs at least one block", "", 0)

    def __str__(self) -> str:
        return ("NOT " if self.negated else "") + " ".join(map(str, self.areas))


@dataclass(frozen=True)
class PresetTerm:
    """A preset by name. Letter case counts; inner spaces are allowed."""

    name: str
    at: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_name(self.name, self.at)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class AllTerm:
    """One bare value: every block gets it."""

    value: Value

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class TargetTerm:
    """`target@value`: what the target names gets the value."""

    target: Target
    value: Value

    def __str__(self) -> str:
        return f"{self.target}@{self.value}"


Term: TypeAlias = PresetTerm | AllTerm | TargetTerm


@dataclass(frozen=True)
class Vector:
    """One value per block, in the order of a layout of that length. At least two; `written` is the text read."""

    values: tuple[Value, ...]
    written: str = field(default="", compare=False, repr=False)
    at: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise fault("a vector needs at least two values", str(self), self.at)

    def __str__(self) -> str:
        return ",".join(map(str, self.values))


@dataclass(frozen=True)
class Terms:
    """Terms that apply from left to right. At least one, and not several bare values: those are a `Vector`."""

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise fault("weights need at least one term", "", 0)
        if len(self.terms) > 1 and all(isinstance(term, AllTerm) for term in self.terms):
            raise fault("several bare values are a vector: {text}", str(self), 0)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


Weights: TypeAlias = Vector | Terms


def check_name(name: str, position: int = 0) -> str:
    """Return `name` if it can name a preset, else raise DirectiveError saying which text is in the way."""
    if not name:
        raise fault("a preset needs a name", name, position)
    bad = RESERVED.search(name) or re.search(r"[,@]|[^\S ]|^ | $", name)
    if bad:
        raise fault("{text!r} cannot stand in a preset's name", bad[0], position + bad.start())
    if is_value(name):
        raise fault("{text!r} is a value and cannot name a preset", name, position)
    return name
