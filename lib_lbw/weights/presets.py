"""Presets: named weights, kept in a text file of `NAME:weights` lines.

One name may have several lines, one per vector length, and one line of terms for every other family.
"""

from functools import cache, lru_cache
from importlib.resources import files

from lib_lbw.errors import DirectiveError, PresetError
from lib_lbw.weights.book import Book, Line, bare_line, exact_lines
from lib_lbw.weights.element_presets import ElementBook
from lib_lbw.weights.parser import parse_weights
from lib_lbw.weights.terms import Vector, Weights, check_name

__all__ = ["ElementBook", "PresetBook"]


class PresetBook(Book[Weights]):
    """The presets of one file, immutable."""

    @classmethod
    def parse(cls, text: str) -> "PresetBook":
        """Read a preset file. It never fails: a faulty line stands in `faults` and is left out."""
        seen: dict[tuple[str | None, int], int] = {}
        lines = (_line(number, exact) for number, exact in enumerate(exact_lines(text), 1))
        return cls(tuple(_unless_twice(line, seen) for line in lines))

    @classmethod
    def shipped(cls) -> "PresetBook":
        """Return the presets that come with the program."""
        return _shipped()

    def find(self, name: str) -> tuple[Weights, ...]:
        """Return the weights of that name, one per vector length, in the order of the file; none if unknown."""
        return self.contents(name)


@cache
def _shipped() -> PresetBook:
    return PresetBook.parse((files("lib_lbw.weights") / "data" / "presets.txt").read_text("utf-8"))


def _line(number: int, exact: str) -> Line[Weights]:
    bare = bare_line(exact)
    if not bare:
        return Line(number, exact)
    name, colon, weights = bare.partition(":")
    name = name.strip()
    if not colon:
        error = PresetError("line {line} is neither NAME:weights nor a comment: {text!r}", line=number, text=bare)
        return Line(number, exact, fault=error)
    try:
        check_name(name)
    except DirectiveError as reason:
        return _faulty(number, exact, name, reason)
    read = _weights(weights)
    return _faulty(number, exact, name, read) if isinstance(read, DirectiveError) else Line(number, exact, name, read)


def _faulty(number: int, exact: str, name: str, reason: DirectiveError) -> Line[Weights]:
    return Line(number, exact, name, fault=PresetError("line {line}: {reason}", line=number, reason=reason))


@lru_cache(maxsize=8192)
def _weights(text: str) -> Weights | DirectiveError:
    """Read weights once: an editor hands over the same thousand lines with every change of one of them."""
    try:
        return parse_weights(text)
    except DirectiveError as reason:
        return reason


def _unless_twice(line: Line[Weights], seen: dict[tuple[str | None, int], int]) -> Line[Weights]:
    """Turn a second line of the same name and length into a fault: which of the two is meant cannot be known.

    `seen`: name and length -> the number of the line that has them.
    """
    if line.content is None:
        return line
    earlier = seen.setdefault((line.name, _size(line.content)), line.number)
    if earlier == line.number:
        return line
    error = PresetError(
        "line {line}: {name} stands in line {earlier} already, with as many values",
        line=line.number,
        name=line.name,
        earlier=earlier,
    )
    return Line(line.number, line.text, line.name, fault=error)


def _size(weights: Weights) -> int:
    return len(weights.values) if isinstance(weights, Vector) else 0
