"""A weight for sub-modules: the elemental rule."""

from dataclasses import dataclass
from typing import Any

from lib_lbw.weights.element_names import element_matches


@dataclass(frozen=True)
class ElementRule:
    """Modules of `blocks` (leaves; None: all) whose name holds one of `elements` weigh `weight`.

    `negated` turns it to the modules of `blocks` whose name holds none of them.
    """

    blocks: frozenset[str] | None
    elements: tuple[str, ...]
    negated: bool
    weight: float

    def matches(self, leaf: str, path: tuple[str, ...]) -> bool:
        """Tell whether the module at `path` (the parts of its name inside the block) of `leaf` is meant."""
        if self.blocks is not None and leaf not in self.blocks:
            return False
        return any(element_matches(element, path) for element in self.elements) != self.negated

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        blocks = None if self.blocks is None else sorted(self.blocks)
        return {"blocks": blocks, "elements": list(self.elements), "negated": self.negated, "weight": self.weight}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ElementRule":
        """Read what `to_json` wrote."""
        blocks = None if data["blocks"] is None else frozenset(data["blocks"])
        return cls(blocks, tuple(data["elements"]), data["negated"], data["weight"])
