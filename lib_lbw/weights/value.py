"""One weight as it is written: a number, or a letter that stands for one."""

import re
from dataclasses import dataclass
from typing import Literal

from lib_lbw.weights.faults import fault
from lib_lbw.weights.number import NUMBER, UNSIGNED, check_number, format_number, parse_number
from lib_lbw.weights.piece import Piece

_VALUE = re.compile(rf"{NUMBER}|[RUX](\s*[+-]\s*{UNSIGNED})?")


@dataclass(frozen=True)
class Value:
    """A weight: a number, or a letter plus `offset`.

    `R` is drawn uniformly from [0, 1], `U` from [-0.5, 1.5], `X` is the directive's `x=`. Of a number, `offset` is
    the number itself. Raises DirectiveError beyond ±1000000.
    """

    kind: Literal["number", "R", "U", "X"]
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_number(self.offset)

    @classmethod
    def parse(cls, text: str, position: int = 0) -> "Value":
        """Read `0.5`, `R`, `X-0.25`. Raises DirectiveError."""
        bare = Piece(text, position).bare()
        kinds: dict[str, Literal["R", "U", "X"]] = {"R": "R", "U": "U", "X": "X"}
        kind = kinds.get(bare.text[:1])
        if kind is None:
            return cls("number", parse_number(*bare))
        if not is_value(bare.text):
            raise fault("{text!r} is not a value: a number, or R, U or X with one added", *bare)
        offset = "".join(bare.text[1:].split())
        return cls(kind, parse_number(offset, bare.at) if offset else 0.0)

    def __str__(self) -> str:
        offset = format_number(self.offset)
        if self.kind == "number":
            return offset
        if self.offset == 0:
            return self.kind
        return f"{self.kind}{offset}" if self.offset < 0 else f"{self.kind}+{offset}"


def is_value(text: str) -> bool:
    """Tell whether `text` (without blanks around it) is a number, R, U or X rather than a name."""
    return _VALUE.fullmatch(text) is not None
