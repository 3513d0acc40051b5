"""Which blocks a row of an analysis changes as a whole, so that they can be lowered together."""

from lib_lbw.blocks.family import Family
from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import Terms
from lib_lbw.weights.grammar import parse_weights
from lib_lbw.weights.targets import WHOLE, select
from lib_lbw.weights.terms import TargetTerm


def whole_blocks(text: str, family: Family) -> tuple[str, ...]:
    """Return the blocks that `text`, written as before an `@`, names: those shown, else single leaves of a group.

    () for a text that is none, and for one that names single layers: what is left of such a block stays as it is.
    """
    try:
        weights = parse_weights(f"1,{text}@0")
        target = weights.terms[-1] if isinstance(weights, Terms) else None
        parts = select(target.target, family) if isinstance(target, TargetTerm) else {}
    except DirectiveError:
        return ()
    if any(part != WHOLE for part in parts.values()):
        return ()
    shown = [name for name in family.shown() if all(leaf in parts for leaf in family.leaves(name))]
    within = {leaf for name in shown for leaf in family.leaves(name)}
    return (*shown, *(leaf for leaf in parts if leaf not in within))
