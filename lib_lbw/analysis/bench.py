"""What a plan is made on: the LoRA's family and blocks, the presets, and how weights come out as numbers."""

from collections.abc import Collection, Mapping
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
        """Return the directive with both weights: where both give a block something but 0, the first counts."""
        one, two = (
            dict(self.resolve(replace(directive, weights=weights, elements=None), seed).weights)
            for weights in (first, second)
        )
        return replace(directive, weights=_terms({leaf: one[leaf] or two[leaf] for leaf in one}, ()))

    def mirrored(self, mirror: Directive, directive: Directive, seed: int) -> Directive:
        """Return `mirror` (a ZYX tag) with 1 minus the block weights of `directive`."""
        numbers = dict(self.resolve(directive, seed).weights)
        return replace(mirror, weights=_terms({leaf: 1.0 - weight for leaf, weight in numbers.items()}, ()))


def everywhere(weight: float) -> Terms:
    """Return the weights that scale the whole LoRA."""
    return Terms((AllTerm(Value("number", weight)),))


def _terms(numbers: Mapping[str, float], rules: tuple[ElementRule, ...]) -> Terms:
    weights = numeric_weights(tuple(numbers.items()), rules, _NO_LAYOUT)
    return weights if isinstance(weights, Terms) else everywhere(1.0)


def _from_last_fill(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Drop what a later bare value writes over, as two bare values side by side would read as a vector."""
    fills = [index for index, term in enumerate(terms) if isinstance(term, AllTerm)]
    return terms[fills[-1] :] if fills else terms
