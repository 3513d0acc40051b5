"""The axes of an X/Y/Z plot: the user's fields read into changes of a tag.

| kind | field | what a value does |
|---|---|---|
| values | `0,0.5,1` `R` `U` | the number that the Block ID axis' blocks get; without that axis, what all is times |
| Block ID | as the Blocks field | the blocks that get the number of the values axis |
| seed | `1,2,-1` `10-13` | the seed; -1 draws one |
| Original Weights | presets or weights | the starting weights; on two axes, both together |
| presets | presets or weights | the same, on one axis only |
| elements | `blocks:elements:weight` or an elemental preset | sub-modules, over everything else |

Fields are separated by commas; weights that hold commas themselves by `;` or line breaks.
"""

import random
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches

from lib_lbw.analysis.blocks_spec import parse_blocks
from lib_lbw.analysis.element_axis import element_terms
from lib_lbw.blocks.family import Family
from lib_lbw.errors import AnalysisError
from lib_lbw.weights.directive import Term, Value, Weights
from lib_lbw.weights.grammar import parse_weights

LARGEST_SEED = 2**63 - 1  # what random generators take
KINDS = ("none", "values", "Block ID", "seed", "Original Weights", "elements", "presets")


@dataclass(frozen=True)
class Axis:
    """One axis as the user set it: one of KINDS, and the text of its field."""

    kind: str = "none"
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise AnalysisError("{kind!r} is no axis; there are {kinds}", kind=self.kind, kinds=", ".join(KINDS))


NO_AXIS = Axis()


@dataclass(frozen=True)
class Point:
    """One value of an axis: its label, and the one part of a cell that it sets."""

    label: str = ""
    value: Value | None = None
    target: str | None = None
    seed: int | None = None
    weights: Weights | None = None
    elements: str | None = None
    terms: tuple[Term, ...] = field(default=())


def parse_axis(text: str) -> Axis:
    """Read `KIND:FIELD`, as in `Block ID:IN04,OUT03-OUT05`; letter case and the blank in a kind do not matter.

    Raises AnalysisError with the nearest kind.
    """
    kind, _, values = text.partition(":")
    known = {_plain(name): name for name in KINDS if name != "none"}
    if _plain(kind) not in known:
        nearest = get_close_matches(_plain(kind), known, 1)
        raise AnalysisError(
            "{text!r} is no axis; write KIND:VALUES, where KIND is one of {kinds}{hint}",
            text=text,
            kinds=", ".join(known.values()),
            hint=f"; the nearest is {known[nearest[0]]}" if nearest else "",
        )
    return Axis(known[_plain(kind)], values.strip())


def read_axis(axis: Axis, family: Family, present: Collection[str] | None, rng: random.Random) -> tuple[Point, ...]:
    """Return the axis' points in order; an axis of kind none has one empty point.

    Raises AnalysisError or DirectiveError for what cannot be read; `rng` draws R, U and seed -1.
    """
    if axis.kind == "none":
        return (Point(),)
    points = tuple(_points(axis, family, present, rng))
    if not points:
        raise AnalysisError("the axis {kind} has no values", kind=axis.kind)
    return points


def parse_seeds(text: str, rng: random.Random) -> tuple[int, ...]:
    """Read `1,2,10-13,-1` into seeds; -1 draws one below 2^32. Raises AnalysisError."""
    seeds: list[int] = []
    for item in _items(text):
        span = re.fullmatch(r"(\d+)\s*-\s*(\d+)", item)
        if span and int(span[1]) <= int(span[2]) <= int(span[1]) + 1000:
            seeds += range(int(span[1]), int(span[2]) + 1)
        elif re.fullmatch(r"-1|\d+", item):
            seeds.append(int(item) if item != "-1" else rng.randrange(2**32))
        else:
            raise AnalysisError("{text!r} is no seed; write a whole number, 10-13, or -1 to draw one", text=item)
    if seeds and max(seeds) > LARGEST_SEED:
        raise AnalysisError("seed {seed} is larger than {largest}", seed=max(seeds), largest=LARGEST_SEED)
    return tuple(seeds)


def seed_label(seed: int) -> str:
    """Return how a seed is written along an axis."""
    return f"seed {seed}"


def _plain(kind: str) -> str:
    return re.sub(r"[\s_-]", "", kind).casefold()


def _points(axis: Axis, family: Family, present: Collection[str] | None, rng: random.Random) -> list[Point]:
    if axis.kind == "values":
        return [_value(text, rng) for text in _items(axis.text)]
    if axis.kind == "Block ID":
        return [Point(choice.label, target=choice.target) for choice in parse_blocks(axis.text, family, present)]
    if axis.kind == "seed":
        return [Point(seed_label(seed), seed=seed) for seed in parse_seeds(axis.text, rng)]
    if axis.kind == "elements":
        return [_element(text, family) for text in _items(axis.text)]
    return [Point(text, weights=parse_weights(text)) for text in _items(axis.text)]


def _value(text: str, rng: random.Random) -> Point:
    value = Value.parse(text)
    spans = {"R": (0.0, 1.0), "U": (-0.5, 1.5)}
    if value.kind not in spans:
        return Point(str(value), value=value)
    drawn = Value("number", round(rng.uniform(*spans[value.kind]) + value.offset, 3))
    return Point(f"{value} {drawn}", value=drawn)


def _element(text: str, family: Family) -> Point:
    if ":" not in text:
        return Point(text, elements=text)
    return Point(text, terms=element_terms(text, family))


def _items(text: str) -> list[str]:
    parts = re.split(r"[;\n]", text) if re.search(r"[;\n]", text.strip()) else text.split(",")
    return [part.strip() for part in parts if part.strip()]
