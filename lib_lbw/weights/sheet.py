"""The sheet on which terms write, one after the other, until every leaf has its weight."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from lib_lbw.blocks.family import OTHER, Family
from lib_lbw.weights.rules import ElementRule
from lib_lbw.weights.targets import WHOLE, Part


class Sheet:
    """Weights of one LoRA while they are being worked out; begins as the plain LoRA, 1 everywhere."""

    def __init__(self, family: Family) -> None:
        self._order = family.blocks
        self.weights: dict[str, float] = dict.fromkeys(family.blocks, 1.0)
        self.rules: list[ElementRule] = []
        self._silenced: dict[str, int] = {}

    def fill(self, weight: float) -> None:
        """Give everything one weight, OTHER included: a constant scales the whole LoRA."""
        self.weights = dict.fromkeys(self._order, weight)
        self.rules.clear()
        self._silenced.clear()

    def write_vector(self, leaves: Sequence[tuple[str, ...]], weights: Sequence[float]) -> None:
        """Give each group of leaves its weight; leaves not covered get 0, OTHER gets 1."""
        if len(set(weights)) == 1:
            return self.fill(weights[0])
        covered = {leaf: weight for group, weight in zip(leaves, weights, strict=True) for leaf in group}
        self.weights = {leaf: 1.0 if leaf == OTHER else covered.get(leaf, 0.0) for leaf in self._order}
        self.rules.clear()
        self._silenced = {leaf: len(weights) for leaf in self._order if leaf != OTHER and leaf not in covered}
        return None

    def write(self, selection: Mapping[str, Part], weight: float) -> None:
        """Give what was selected a weight, over all that was written before."""
        whole = {leaf for leaf, part in selection.items() if part == WHOLE}
        self.weights.update(dict.fromkeys(whole, weight))
        for leaf in whole:
            self._silenced.pop(leaf, None)
        if whole:
            self.rules = [rule for old in self.rules for rule in self._without(old, whole)]
        by_part: dict[Part, list[str]] = {}
        for leaf, part in selection.items():
            if part != WHOLE:
                by_part.setdefault(part, []).append(leaf)
        for (elements, negated), leaves in by_part.items():
            self.rules.append(ElementRule(self._blocks(leaves), elements, negated, weight))

    def silenced(self, present: Collection[str]) -> dict[int, tuple[str, ...]]:
        """Return vector length -> the leaves in `present` that are 0 only because no value covers them."""
        found: dict[int, tuple[str, ...]] = {}
        for leaf, length in self._silenced.items():
            if leaf in present:
                found[length] = (*found.get(length, ()), leaf)
        return found

    def _without(self, rule: ElementRule, leaves: set[str]) -> Iterable[ElementRule]:
        """Take leaves out of a rule that a later term has overwritten; nothing is left of an empty rule."""
        rest = set(self._order if rule.blocks is None else rule.blocks) - leaves
        if rest:
            yield ElementRule(self._blocks(rest), rule.elements, rule.negated, rule.weight)

    def _blocks(self, leaves: Collection[str]) -> frozenset[str] | None:
        return None if len(leaves) == len(self._order) else frozenset(leaves)
