"""What a plan is made on: the LoRA's family and blocks, the presets, and how weights come out as numbers."""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from lib_lbw.blocks.family import Family
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.directive import AllTerm, Directive, PresetTerm, Term, Terms, Value, Vector, Weights
from lib_lbw.weights.numeric import numeric_weights
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.resolve import resolve
from lib_lbw.weights.rules import ElementRule

_NO_LAYOUT = ""  # a family without fixed vectors: its numbers are written as terms, which more terms can follow


@dataclass(frozen=True)
class Bench:
    """The family of the LoRA, the leaves its file holds (None: all), and the books its presets come from."""

    family: Family
    present: Collection[str] | None = None
    presets: PresetBook | None = None
    elements: ElementBook | None = None

    def resolve(self, directive: Directive, seed: int) -> BlockWeights:
        """Return the numbers of a directive. Raises DirectiveError, before a picture is drawn for nothing."""
        return resolve(
            directive,
            self.family,
            presets=self.presets,
            elements=self.elements,
            seed=seed,
            present=self.present,
        )

    def key(self, directive: Directive, seed: int) -> str:
        """Return a text that is equal for directives which draw the same picture: the numbers of the blocks held."""
        found = self.resolve(directive, seed)
        if found.constant == 0:
            return "no LoRA"
        held = set(self.family.blocks if self.present is None else self.present)
        weights = tuple((leaf, weight) for leaf, weight in found.weights if leaf in held)
        return repr(replace(found, weights=weights, notices=()))

    def pinned(self, directive: Directive, seed: int) -> Directive:
        """Return the directive with numbers in place of preset names, so that its prompt means the same for ever."""
        weights = directive.weights
        named = isinstance(weights, Terms) and any(isinstance(term, PresetTerm) for term in weights.terms)
        return self.resolve(directive, seed).resolved() if named or directive.elements is not None else directive

    def extended(self, directive: Directive, terms: tuple[Term, ...], seed: int) -> Directive:
        """Return the directive with terms after its weights; a vector becomes terms first, plain LoRA is 1."""
        weights = directive.weights or everywhere(1.0)
        if isinstance(weights, Vector) and terms:
            found = self.resolve(replace(directive, elements=None), seed)
            weights = _terms(dict(found.weights), found.rules)
        if isinstance(weights, Terms):
            weights = Terms(_from_last_fill((*weights.terms, *terms)))
        return replace(directive, weights=weights)

    def combined(self, directive: Directive, first: Weights, second: Weights, seed: int) -> Directive:
        """Return the directive with both weights: where both give a block something but 0, the first counts.

        The weight of a block and its rules for elements come from the same side.
        """
        one, two = (
            self.resolve(replace(directive, weights=weights, elements=None), seed) for weights in (first, second)
        )
        mine = frozenset(leaf for leaf, weight in one.weights if weight or _is_touched(leaf, one.rules))
        numbers = {
            leaf: weight if leaf in mine else other
            for (leaf, weight), (_, other) in zip(one.weights, two.weights, strict=True)
        }
        rules = (*_within(one.rules, mine, numbers), *_within(two.rules, numbers.keys() - mine, numbers))
        return replace(directive, weights=_terms(numbers, rules))

    def scaled(self, directive: Directive, value: Value, seed: int) -> Directive:
        """Return the directive with everything it weighs, blocks and elements, times `value`."""
        found = self.resolve(directive, seed)
        whole = replace(directive, weights=Terms((AllTerm(value),)), elements=None)
        factor = self.resolve(whole, seed).weights[0][1]
        numbers = {leaf: _times(weight, factor) for leaf, weight in found.weights}
        rules = tuple(replace(rule, weight=_times(rule.weight, factor)) for rule in found.rules if factor)
        return replace(directive, weights=_terms(numbers, rules), elements=None)

    def mirrored(self, mirror: Directive, directive: Directive, seed: int) -> Directive:
        """Return `mirror` (a ZYX tag) with 1 minus the block weights of `directive`."""
        numbers = dict(self.resolve(directive, seed).weights)
        return replace(mirror, weights=_terms({leaf: 1.0 - weight for leaf, weight in numbers.items()}, ()))


def everywhere(weight: float) -> Terms:
    """Return the weights that scale the whole LoRA."""
    return Terms((AllTerm(Value("number", weight)),))


def _is_touched(leaf: str, rules: tuple[ElementRule, ...]) -> bool:
    return any(rule.weight and (rule.blocks is None or leaf in rule.blocks) for rule in rules)


def _within(rules: tuple[ElementRule, ...], leaves: AbstractSet[str], every: Collection[str]) -> Iterator[ElementRule]:
    """Return what the rules say of `leaves`, of `every` leaf there is."""
    for rule in rules:
        blocks = leaves if rule.blocks is None else rule.blocks & leaves
        if blocks:
            yield replace(rule, blocks=None if len(blocks) == len(every) else frozenset(blocks))


def _times(weight: float, factor: float) -> float:
    """Return the product as a person would write it: without rounding noise and without -0."""
    return round(weight * factor, 6) + 0.0


def _terms(numbers: Mapping[str, float], rules: tuple[ElementRule, ...]) -> Terms:
    weights = numeric_weights(tuple(numbers.items()), rules, _NO_LAYOUT)
    return weights if isinstance(weights, Terms) else everywhere(1.0)


def _from_last_fill(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Drop what a later bare value writes over, as two bare values side by side would read as a vector."""
    fills = [index for index, term in enumerate(terms) if isinstance(term, AllTerm)]
    return terms[fills[-1] :] if fills else terms
