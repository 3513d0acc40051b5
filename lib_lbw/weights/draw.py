"""Values to numbers: what R, U and X stand for.

R and U are drawn anew for every place (a block of a vector, the target of a term, or the whole) from a generator
seeded with the text `SEED:LORA:PLACE`. So a picture can be made again from its seed, on every platform and Python; and
a block keeps its number when another one is fixed, or when the vector is written in another length.
"""

import random
from dataclasses import dataclass

from lib_lbw.weights.number import check_number
from lib_lbw.weights.value import Value

DECIMALS = 3
"""Digits of a drawn number behind the point, so that it prints short."""

_EXACT = 9
_RANGES = {"R": (0.0, 1.0), "U": (-0.5, 1.5)}


@dataclass(frozen=True)
class Draw:
    """Evaluates values for one LoRA of one picture. `x` is what X stands for."""

    seed: int
    lora: str
    x: float = 1.0

    def number(self, value: Value, place: str) -> float:
        """Return the number of `value` at `place`; a sum is rounded to nine decimals.

        Raises DirectiveError when a sum goes beyond ±1000000.
        """
        if value.kind == "number":
            return value.offset
        base = self.x if value.kind == "X" else self._drawn(value.kind, place)
        return base if value.offset == 0 else check_number(round(base + value.offset, _EXACT), str(value))

    def _drawn(self, kind: str, place: str) -> float:
        low, high = _RANGES[kind]
        # a str seeds through SHA-512, the same on every platform and independent of PYTHONHASHSEED
        generator = random.Random(f"{self.seed}:{self.lora}:{place}")
        return round(low + (high - low) * generator.random(), DECIMALS)
