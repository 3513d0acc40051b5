"""Numbers back into words: weights that need no preset, seed or x to be understood."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from lib_lbw.blocks.family import OTHER, families
from lib_lbw.weights.element_names import is_element
from lib_lbw.weights.rules import ElementRule
from lib_lbw.weights.terms import AllTerm, Area, Target, TargetTerm, Term, Terms, Vector, Weights
from lib_lbw.weights.value import Value


def numeric_weights(weights: Sequence[tuple[str, float]], rules: Sequence[ElementRule], family: str) -> Weights | None:
    """Return what `resolve` turns into exactly these weights and rules; None for the plain LoRA.

    A full vector where one can say it, else terms: the commonest weight for all, then what differs, then the rules.
    """
    values = dict(weights)
    different = set(values.values())
    if different == {1.0} and not rules:
        return None
    vector = None if rules else _vector(values, family)
    if vector is not None:
        return vector
    common = Counter(values.values()).most_common(1)[0][0]
    terms: list[Term] = [AllTerm(_number(common))]
    for weight in dict.fromkeys(values.values()):
        if weight != common:
            leaves = [leaf for leaf in values if values[leaf] == weight]
            terms.append(TargetTerm(Target(tuple(_areas(leaves, tuple(values)))), _number(weight)))
    terms.extend(TargetTerm(_target(rule, tuple(values)), _number(rule.weight)) for rule in rules)
    return Terms(tuple(terms))


def _vector(values: dict[str, float], family: str) -> Vector | None:
    """Return the full vector, if the family has a fixed one, its groups are of one weight and OTHER is 1."""
    fixed = next((known for known in families() if known.id == family), None)
    if fixed is None or values[OTHER] != 1.0:
        return None
    numbers: list[float] = []
    for name in fixed.layouts[fixed.full_length]:
        group = {values[leaf] for leaf in fixed.leaves(name)}
        if len(group) > 1:
            return None
        numbers.append(group.pop())
    return Vector(tuple(map(_number, numbers))) if len(set(numbers)) > 1 else None


def _target(rule: ElementRule, order: tuple[str, ...]) -> Target:
    """Write a rule as a target; an inverted one names the blocks it leaves alone and the elements it spares."""
    if rule.blocks is None and all(_stands_alone(element, order) for element in rule.elements):
        return Target(tuple(_lone(element) for element in rule.elements), rule.negated)
    blocks = set(order if rule.blocks is None else rule.blocks)
    areas = [Area(area.first, area.last, element) for element in rule.elements for area in _areas(blocks, order)]
    spared = list(_areas(set(order) - blocks, order)) if rule.negated else []
    return Target((*spared, *areas), rule.negated)


def _stands_alone(element: str, order: tuple[str, ...]) -> bool:
    """Tell whether an element without a block is understood as one in every family, and not as a block."""
    return is_element(element) and element.split(".")[0].upper() not in order


def _lone(element: str) -> Area:
    first, point, rest = element.partition(".")
    return Area(first, None, rest if point else None)


def _areas(leaves: Collection[str], order: tuple[str, ...]) -> Iterator[Area]:
    """Return areas for leaves: neighbours of three and more as a range, OTHER by itself."""
    run: list[str] = []
    for leaf in order:
        if leaf in leaves and leaf != OTHER:
            run.append(leaf)
            continue
        yield from _run(run)
        run = []
    yield from _run(run)
    if OTHER in leaves:
        yield Area(OTHER)


def _run(run: Sequence[str]) -> Iterator[Area]:
    if len(run) > 2:
        yield Area(run[0], run[-1])
    else:
        yield from map(Area, run)


def _number(weight: float) -> Value:
    return Value("number", weight)
