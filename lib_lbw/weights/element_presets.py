"""Elemental presets: weights by sub-module name, kept in a text file.

    preset = NAME ":" rule *( "," rule ) *( newline rule *( "," rule ) )      then an empty line
    rule   = [ [ "NOT " ] blocks ] ":" [ [ "NOT " ] elements ] ":" value

Blocks are names or ranges joined by blanks, elements parts of sub-module names or transformer layer numbers joined by
blanks; empty means all.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lib_lbw.errors import DirectiveError, PresetError
from lib_lbw.weights.book import Book, Line, bare_line, exact_lines
from lib_lbw.weights.faults import fault
from lib_lbw.weights.parser import parse_target
from lib_lbw.weights.piece import Piece
from lib_lbw.weights.terms import Target, check_name
from lib_lbw.weights.value import Value


@dataclass(frozen=True)
class ElementSource:
    """One rule as written: `blocks` None means all, `elements` () means all, `negated` inverts the elements."""

    blocks: Target | None
    elements: tuple[str, ...]
    negated: bool
    value: Value


class ElementBook(Book[tuple[ElementSource, ...]]):
    """The elemental presets of one file, immutable."""

    @classmethod
    def parse(cls, text: str) -> "ElementBook":
        """Read a file. It never fails: a faulty line stands in `faults`, and its preset is left out as a whole."""
        lines: list[Line[tuple[ElementSource, ...]]] = []
        name: str | None = None
        for number, exact in enumerate(exact_lines(text), 1):
            line = _line(number, exact, name)
            if line.name or not exact.strip():
                name = line.name
            lines.append(line)
        return cls(tuple(lines))

    @classmethod
    def shipped(cls) -> "ElementBook":
        """Return the elemental presets that come with the program."""
        return _shipped()

    def find(self, name: str) -> tuple[ElementSource, ...]:
        """Return the rules of that name in order; none if it is unknown or has a fault."""
        if self.fault_of(name):
            return ()
        return tuple(rule for rules in self.contents(name) for rule in rules)


@cache
def _shipped() -> ElementBook:
    return ElementBook.parse((files("lib_lbw.weights") / "data" / "elements.txt").read_text("utf-8"))


def _line(number: int, exact: str, current: str | None) -> Line[tuple[ElementSource, ...]]:
    """Read one line; `current` is the preset that rules without a name belong to."""
    bare = bare_line(exact)
    if not bare:
        return Line(number, exact)
    name, rules = current, bare
    if bare.split(",")[0].count(":") != 2:
        name, _, rules = bare.partition(":")
        name = name.strip()
    if name is None or (name != current and ":" not in bare):
        error = PresetError("line {line} is no NAME:blocks:elements:weight: {text!r}", line=number, text=bare)
        return Line(number, exact, current, fault=error)
    try:
        check_name(name)
        sources = tuple(_rule(piece) for piece in Piece(rules, 0).split(",")) if rules.strip() else ()
        return Line(number, exact, name, sources)
    except DirectiveError as reason:
        return Line(number, exact, name, fault=PresetError("line {line}: {reason}", line=number, reason=reason))


def _rule(text: Piece) -> ElementSource:
    fields = text.split(":")
    if len(fields) != 3:
        raise fault("{text!r} is no rule of the form blocks:elements:weight", *text.bare())
    blocks, elements, weight = fields
    words = [word.text for word in elements.words()]
    negated = bool(words) and words[0].upper() == "NOT"
    if words == ["NOT"]:
        raise fault("{text!r} says not which elements", *elements.bare())
    return ElementSource(
        parse_target(blocks) if blocks.text.strip() else None,
        tuple(words[1:] if negated else words),
        negated,
        Value.parse(*weight),
    )
