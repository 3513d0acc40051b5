"""Reads weights and targets; the grammar itself stands in `grammar`."""

from lib_lbw.weights.faults import fault
from lib_lbw.weights.piece import Piece
from lib_lbw.weights.terms import RESERVED, AllTerm, Area, PresetTerm, Target, TargetTerm, Term, Terms, Vector, Weights
from lib_lbw.weights.value import Value, is_value


def parse_weights(text: str, position: int = 0) -> Weights:
    """Read what stands after `lbw=`. `position` is where `text` begins, for errors. Raises DirectiveError."""
    whole = Piece(text, position).bare()
    if not whole.text:
        raise fault("the weights are empty: give a preset, numbers or block@number", text, position)
    bad = RESERVED.search(whole.text)
    if bad:
        raise fault("{text!r} cannot stand in weights", bad[0], whole.at + bad.start())
    pieces = [piece.bare() for piece in whole.split(",")]
    for piece in pieces:
        if not piece.text:
            raise fault("a weight is missing between the commas of {text!r}", *_around(whole, piece))
    if len(pieces) > 1 and all(is_value(piece.text) for piece in pieces):
        return Vector(tuple(Value.parse(*piece) for piece in pieces), written=whole.text, at=whole.at)
    return Terms(tuple(_term(piece) for piece in pieces))


def parse_target(target: Piece) -> Target:
    """Read areas joined by blanks, after an optional NOT. Raises DirectiveError."""
    words = target.words()
    negated = bool(words) and words[0].text.upper() == "NOT"
    areas = words[1:] if negated else words
    if not areas:
        raise fault("no block is named in {text!r}", *target)
    return Target(tuple(_area(word) for word in areas), negated)


def _around(whole: Piece, gap: Piece) -> tuple[str, int]:
    """Return the gap with the commas beside it, as much of it as there is."""
    start = max(gap.at - whole.at - 1, 0)
    return whole.text[start : gap.at - whole.at + 1], whole.at + start


def _term(piece: Piece) -> Term:
    target, found, value = piece.partition("@")
    if found:
        return TargetTerm(parse_target(target), Value.parse(*value))
    if is_value(piece.text):
        return AllTerm(Value.parse(*piece))
    return PresetTerm(piece.text, at=piece.at)


def _area(word: Piece) -> Area:
    head, dot, element = word.partition(".")
    first, dash, last = head.partition("-")
    if dash and not last.text:
        raise fault("{text!r} is a range without an end", *word)
    if dot and not element.text:
        raise fault("{text!r} ends where an element should follow the point", *word)
    return Area(first.text, last.text or None, element.text or None, at=word.at)
