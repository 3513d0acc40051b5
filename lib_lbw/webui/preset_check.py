"""What is wrong in a preset file beyond its grammar: vectors of no model's length, and names that are not there."""

from typing import Any

from lib_lbw.blocks.family import families
from lib_lbw.errors import DirectiveError, LbwError, PresetError
from lib_lbw.weights.book import Book
from lib_lbw.weights.complaints import unknown_preset
from lib_lbw.weights.presets import PresetBook
from lib_lbw.weights.terms import PresetTerm, Vector, Weights


def faults_of(book: Book[Any]) -> tuple[PresetError, ...]:
    """Return every fault of a text in the order of its lines."""
    found = [*book.faults]
    if isinstance(book, PresetBook):
        known = PresetBook.shipped().merged(book)
        for line in book.lines:
            reason = None if line.content is None else _fault(line.content, known)
            if reason is not None:
                found.append(PresetError("line {line}: {reason}", line=line.number, reason=reason))
    return tuple(sorted(found, key=lambda fault: fault.line))


def _fault(weights: Weights, known: PresetBook) -> LbwError | None:
    if isinstance(weights, Vector):
        lengths = sorted({length for family in families() for length in family.layouts})
        count = len(weights.values)
        if count in lengths:
            return None
        return LbwError(
            "{count} values; a vector has one of {lengths}", count=count, lengths=" / ".join(map(str, lengths))
        )
    names = (term for term in weights.terms if isinstance(term, PresetTerm))
    return next((_unknown(term, known) for term in names if not known.find(term.name)), None)


def _unknown(term: PresetTerm, known: PresetBook) -> DirectiveError:
    return unknown_preset(term.name, term.at, known, "{text!r} is neither a preset nor a number")
