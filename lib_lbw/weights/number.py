"""Numbers as users write them: decimal, finite, printed as short as they can be."""

import re
from decimal import Decimal

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.faults import fault
from lib_lbw.weights.piece import Piece

LIMIT = 1e6
"""Largest magnitude accepted anywhere in a directive. It keeps every product of two numbers finite."""

UNSIGNED = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NUMBER = rf"[+-]?{UNSIGNED}"
_NUMBER = re.compile(NUMBER)


def parse_number(text: str, position: int = 0) -> float:
    """Read one decimal number; spaces around it are ignored.

    Raises DirectiveError when `text` is no number, or one beyond ±1000000.
    """
    bare = Piece(text, position).bare()
    if not _NUMBER.fullmatch(bare.text):
        raise no_number(*bare)
    return check_number(float(bare.text), *bare)


def no_number(text: str, position: int) -> DirectiveError:
    """Say that `text` is no number; of a decimal comma, which number was meant."""
    pointed = text.replace(",", ".")
    return fault("{text!r} is not a number", text, position, pointed if _NUMBER.fullmatch(pointed) else None)


def check_number(number: float, text: str | None = None, position: int = 0) -> float:
    """Return `number`, written as `text`, if it is finite and within ±1000000, else raise DirectiveError."""
    if not abs(number) <= LIMIT:
        raise fault("{text} is beyond the range of ±1000000", str(number) if text is None else text, position)
    return number


def format_number(number: float) -> str:
    """Write the shortest decimal text that reads back as `number`: `0.5`, `1`, `-0.25`; never an exponent."""
    text = format(Decimal(repr(float(number))), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
