"""One tag of a prompt, resolved: what an adapter needs to know of it."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property

from lib_lbw.blocks.family import OTHER, Family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.schedule import Schedule


@dataclass(frozen=True)
class Entry:
    """The weights of one tag for one LoRA file; `name` is spelled as in the tag, `family` is the file's."""

    name: str
    weights: BlockWeights
    family: Family

    @property
    def schedule(self) -> Schedule | None:
        """The steps in which the U-Net part acts; None for all of them."""
        return self.weights.schedule

    def ratio(self, module: ModuleId) -> float:
        """Return what block weights and element rules make of a module's delta.

        The multipliers of text encoder and U-Net are left out: the host multiplies with those itself.
        """
        return self._bare.scale(module, self.family)

    @cached_property
    def digest(self) -> str:
        """A short text that differs when any ratio or the schedule differs, whatever preset it came from."""
        bare = self._bare
        rules = [rule.to_json() for rule in bare.rules]
        steps = self.schedule and self.schedule.to_json()
        return _digest([self.family.id, bare.weights, rules, steps])

    @cached_property
    def te_digest(self) -> str:
        """The same for the text encoders alone; OTHER counts, for it holds their projection."""
        encoders = {*self.family.components.values(), OTHER}
        weights = [(leaf, weight) for leaf, weight in self._bare.weights if leaf in encoders]
        rules = [rule.to_json() for rule in self._bare.rules if rule.blocks is None or rule.blocks & encoders]
        return _digest([self.family.id, weights, rules])

    @cached_property
    def _bare(self) -> BlockWeights:
        return replace(self.weights, te=1.0, unet=1.0)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
