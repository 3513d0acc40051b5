"""One value of the elements axis, `blocks:elements:weight`, as terms of a directive."""

from lib_lbw.analysis.blocks_spec import parse_blocks
from lib_lbw.blocks.family import Family
from lib_lbw.errors import AnalysisError
from lib_lbw.weights.directive import Term, Terms
from lib_lbw.weights.grammar import parse_weights


def element_terms(text: str, family: Family) -> tuple[Term, ...]:
    """Return the terms of a rule: `IN05-OUT05:attn:0` is `IN05-OUT05.attn@0`.

    Empty blocks or elements mean all; NOT inverts the blocks, or, where no blocks are named, the elements.
    Raises AnalysisError for what no term can say, DirectiveError for a faulty one.
    """
    parts = text.split(":")
    if len(parts) != 3:
        raise AnalysisError("{text}: write blocks:elements:weight, as in IN05-OUT05:attn:0", text=text)
    blocks, elements, weight = (part.strip() for part in parts)
    target = _target(text, _areas(blocks, family), elements)
    return _terms(f"{target}@{weight}" if target else weight)


def _target(text: str, areas: list[str], elements: str) -> str:
    words = elements.split()
    if words and words[0].upper() == "NOT":
        if areas or len(words) == 1:
            raise AnalysisError("{text}: NOT before elements stands with empty blocks and at least one name", text=text)
        return "NOT " + " ".join(words[1:])
    if not words:
        return " ".join(areas)
    return " ".join(f"{area}.{word}" for area in areas for word in words) if areas else " ".join(words)


def _areas(blocks: str, family: Family) -> list[str]:
    if not blocks or blocks.upper() == "ALL":
        return []
    words = parse_blocks(blocks, family)[0].target.split()
    if words[0] != "NOT":
        return words
    named = {name for area in words[1:] for name in _names(area, family)}
    return [name for name in family.shown() if name not in named]


def _names(area: str, family: Family) -> tuple[str, ...]:
    first, dash, last = area.partition("-")
    return family.span(first, last) if dash else (first,)


def _terms(text: str) -> tuple[Term, ...]:
    weights = parse_weights(text)
    return weights.terms if isinstance(weights, Terms) else ()
