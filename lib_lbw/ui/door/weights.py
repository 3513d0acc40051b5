"""Questions about weights: words to numbers, numbers to words, one layout to another."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib_lbw.blocks.family import Family, family
from lib_lbw.ui.diagram import diagram
from lib_lbw.ui.door.convert import convert
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import format_weights, parse_weights
from lib_lbw.weights.numeric import numeric_weights
from lib_lbw.weights.resolve import resolve
from lib_lbw.weights.rules import ElementRule
from lib_lbw.weights.terms import Vector
from lib_lbw.weights.value import Value


def read(desk: Desk, question: Question) -> dict[str, Any]:
    """Return what weights mean for a family or a LoRA: a number per block, rules, notices.

    `text` is what stands after `lbw=`, "" for the plain LoRA; `elements` an elemental preset; `seed` and `x` are for
    the random and variable values. `svg` is the drawing where groups of blocks are shown by their leaves, else None.
    Raises DirectiveError with the position in `text`.
    """
    model, present = question.family(desk)
    made = _resolved(desk, question, model, present)
    values = shown_values(made, model)
    usual = set(values) == set(model.shown())
    return {
        "values": values,
        "svg": None if usual else diagram(values, model, present=present, translate=question.translate),
        "rules": [rule.to_json() for rule in made.rules],
        "notices": [notice.localized(question.translate) for notice in made.notices],
        "numbers": format_weights(numeric) if (numeric := made.resolved().weights) else "",
    }


def write(desk: Desk, question: Question) -> dict[str, Any]:
    """Return a text for `values` (block -> number) and `rules`: a vector of `length` where that says it, else terms."""
    model, _ = question.family(desk)
    values = leaf_values(question.numbers("values"), model)
    rules = [ElementRule.from_json(rule) for rule in question.values.get("rules") or ()]
    length = int(question.number("length", model.full_length))
    vector = None if rules else vector_of(values, model, length)
    numeric = vector or numeric_weights(tuple(values.items()), rules, model.id)
    return {"text": format_weights(numeric) if numeric else "1"}


def converted(desk: Desk, question: Question) -> dict[str, Any]:
    """Return weights in another layout or family, with the blocks whose weight is lost or guessed."""
    model, present = question.family(desk)
    made = _resolved(desk, question, model, present)
    target = family(question.text("to", model.id))
    length = int(question.number("length", target.full_length))
    result = convert(shown_values(made, model), model, target, length)
    leaves = leaf_values(result.values, target)
    vector = constant_of(leaves, length) or vector_of(leaves, target, length)
    numeric = vector or numeric_weights(tuple(leaves.items()), (), target.id)
    return {
        "text": format_weights(numeric) if numeric else "1",
        "values": result.values,
        "lost": [{"block": block, "value": value} for block, value in result.lost],
        "guessed": list(result.guessed),
        "rules": len(made.rules),
    }


def _resolved(desk: Desk, question: Question, model: Family, present: Sequence[str] | None) -> BlockWeights:
    text = question.text("text", "")
    directive = Directive(
        name="LoRA",
        weights=parse_weights(text) if text.strip() else None,
        elements=question.text("elements", "") or None,
        x=question.number("x", 1.0),
    )
    return resolve(
        directive,
        model,
        presets=desk.store.presets(),
        elements=desk.store.elements(),
        seed=int(question.number("seed", 0)),
        present=present,
    )


def shown_values(made: BlockWeights, model: Family) -> dict[str, float]:
    """Return a number per block as a page lists them; a group whose leaves differ is told by its leaves."""
    values = dict(made.weights)
    shown: dict[str, float] = {}
    for name in model.shown():
        leaves = model.leaves(name)
        if len({values[leaf] for leaf in leaves if leaf in values}) == 1:
            shown[name] = values[leaves[0]]
        else:
            shown |= {leaf: values[leaf] for leaf in leaves}
    return shown


def leaf_values(shown: Mapping[str, float], model: Family) -> dict[str, float]:
    """Return a number per leaf from one per block or group; what is not told is 1."""
    values = dict.fromkeys(model.blocks, 1.0)
    for name, number in shown.items():
        block = model.block(name)
        values |= {leaf: number for leaf in model.leaves(block or name) if leaf in values}
    return values


def constant_of(values: Mapping[str, float], length: int) -> Vector | None:
    """Return the vector of that length which is one number throughout, if `values` are."""
    numbers = set(values.values())
    return Vector((Value("number", numbers.pop()),) * length) if len(numbers) == 1 else None


def vector_of(values: Mapping[str, float], model: Family, length: int) -> Vector | None:
    """Return the vector of that length, if it says exactly these values: what it does not cover is 0, OTHER 1."""
    names = model.layouts.get(length)
    if names is None or values["OTHER"] != 1.0:
        return None
    covered = [leaf for name in names for leaf in model.leaves(name)]
    if any(number for leaf, number in values.items() if leaf not in covered and leaf != "OTHER"):
        return None
    numbers: list[float] = []
    for name in names:
        group = {values.get(leaf, 0.0) for leaf in model.leaves(name)}
        if len(group) > 1:
            return None
        numbers.append(group.pop())
    return Vector(tuple(Value("number", number) for number in numbers)) if len(set(numbers)) > 1 else None


ANSWERS = {"weights.read": read, "weights.write": write, "weights.convert": converted}
