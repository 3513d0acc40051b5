"""The cells of a plan while it is made: each one's weights are tried out, and equal pictures share a request."""

from dataclasses import replace

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import Cell
from lib_lbw.analysis.tag import Tag, is_mirror
from lib_lbw.weights.directive import Directive, Term, Weights

BESIDE = (-1, -1, -1)
"""The place of a picture that stands beside the table."""


class CellList:
    """Collects cells for one tag."""

    def __init__(self, tag: Tag, bench: Bench) -> None:
        self.tag, self.bench = tag, bench
        self.cells: list[Cell] = []
        self._pictures: dict[tuple[str, tuple[Directive, ...], int], int] = {}

    def weighed(self, weights: Weights, seed: int, *terms: Term) -> Directive:
        """Return the tag's directive with these weights and terms after them."""
        return self.bench.extended(replace(self.tag.directive, weights=weights), terms, seed)

    def add(
        self,
        place: tuple[int, int, int],
        directive: Directive,
        seed: int,
        labels: tuple[str, ...],
        kind: str,
        against: int | None = None,
        opposite: int | None = None,
    ) -> int:
        """Add a cell and return its index. Raises DirectiveError for weights that cannot be resolved."""
        pinned = self.bench.pinned(directive, seed)
        others = tuple(self._other(other, pinned, seed) for other in self.tag.others)
        prompt = self.tag.prompt_with(pinned, others)
        key = (self.bench.key(pinned, seed), others, seed)  # the others' files may hold other blocks
        picture = self._pictures.setdefault(key, len(self._pictures))
        index = len(self.cells)
        self.cells.append(Cell(index, *place, prompt, seed, labels, kind, picture, against, opposite))
        return index

    def _other(self, other: Directive, pinned: Directive, seed: int) -> Directive:
        if is_mirror(other):
            return self.bench.mirrored(other, pinned, seed)
        return self.bench.pinned(other, seed)
