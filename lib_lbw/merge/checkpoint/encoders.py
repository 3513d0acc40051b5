"""Which text encoders go into an extracted LoRA: told by how much each one changed, not by a single largest number.

Other extractors leave an encoder out when no weight moved by more than 0.1 or 0.01; training moves them by less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from lib_lbw.errors import MergeError
from lib_lbw.merge.checkpoint.difference import Pair, is_embedding, same_layer
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.chunks import squared_norm

Choice = Literal["auto", "yes", "no"]
ENCODERS = ("te1", "te2")
ALL = "all"
TRAINED = 1e-4
"""From this relative change on, "auto" takes an encoder; it is half of what rounding to float16 alone changes."""


@dataclass(frozen=True)
class Encoder:
    """One text encoder: |alpha A - beta B| / |B| over its weights, and whether it is taken."""

    component: str
    change: float
    taken: bool


def encoders_of(pair: Pair, choices: Mapping[str, Choice]) -> tuple[Encoder, ...]:
    """Measure the encoders that both checkpoints have; `choices` for each, or for "all" that are not named ("auto").

    Raises MergeError where an encoder is asked for that one of the files has not.
    """
    both = pair.a.components & pair.b.components
    for component, choice in choices.items():
        if choice == "yes" and component in ENCODERS and component not in both:
            raise MergeError(
                "{component} is asked for, but {path} has no such text encoder.",
                component=component,
                path=next(file.path for file in (pair.a, pair.b) if component not in file.components),
            )
    return tuple(_encoder(pair, name, choices.get(name, choices.get(ALL, "auto"))) for name in ENCODERS if name in both)


def _encoder(pair: Pair, component: str, choice: Choice) -> Encoder:
    change = relative_change(pair, component)
    return Encoder(component, change, choice == "yes" or (choice == "auto" and change >= TRAINED))


def relative_change(pair: Pair, component: str) -> float:
    """Return |alpha A - beta B| / |B| (Frobenius) over all matrices of `component`."""
    changed = whole = 0.0
    for a, b in pair.common():
        if a.module.component != component or a.role != "weight" or is_embedding(a) or not same_layer(a, b):
            continue
        whole += squared_norm(pair.b.read(b))
        changed += _squared_difference(pair, a, b)
    if not whole:
        return 0.0 if not changed else float("inf")
    return sqrt(changed / whole)


def _squared_difference(pair: Pair, a: Slot, b: Slot) -> float:
    difference = pair.difference(a, b)
    return 0.0 if difference is None else squared_norm(difference)
