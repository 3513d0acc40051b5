"""The resolved weights of one LoRA: one number per leaf, and rules for sub-modules."""

from dataclasses import dataclass, field
from typing import Any, Literal

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.locate import block_of, elements_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import FamilyError
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.numeric import numeric_weights
from lib_lbw.weights.rules import ElementRule
from lib_lbw.weights.schedule import Schedule


@dataclass(frozen=True)
class BlockWeights:
    """What a directive means for the LoRA `lora` of a family.

    `te` and `unet` are the multipliers of the two parts; `weights` holds every leaf of the family in its order, OTHER
    last; `rules` override them, the last one that matches. `dyn`, `tag` and `extra` are handed through for the host.
    `notices` tell what the user may not expect; they take no part in comparing values.
    """

    lora: str
    family: str
    te: float
    unet: float
    weights: tuple[tuple[str, float], ...]
    rules: tuple[ElementRule, ...] = ()
    schedule: Schedule | None = None
    dyn: int | None = None
    tag: Literal["lora", "lyco"] = "lora"
    extra: tuple[tuple[str, str], ...] = ()
    notices: tuple[Notice, ...] = field(default=(), compare=False)

    @property
    def constant(self) -> float | None:
        """The weight of the whole LoRA, if it is the same for every module; 1 is the plain LoRA, 0 none at all."""
        different = {weight for _, weight in self.weights}
        return different.pop() if len(different) == 1 and not self.rules else None

    def block_weight(self, leaf: str) -> float:
        """Return the weight of a leaf, rules aside. Raises FamilyError when the family has no such leaf."""
        for name, weight in self.weights:
            if name == leaf:
                return weight
        raise FamilyError("{leaf} is no block of {family}", leaf=leaf, family=self.family)

    def scale(self, module: ModuleId, family: Family) -> float:
        """Return what the module's whole delta is multiplied with: te or unet times the weight of block or rule.

        Raises FamilyError when `family` is not the one these weights were resolved for.
        """
        if family.id != self.family:
            raise FamilyError("weights of {own} do not fit {family}", own=self.family, family=family.id)
        multiplier = self.te if module.is_text_encoder else self.unet
        leaf = block_of(module, family)
        path = elements_of(module) if self.rules else ()
        for rule in reversed(self.rules):
            if rule.matches(leaf, path):
                return multiplier * rule.weight
        return multiplier * self.block_weight(leaf)

    def resolved(self) -> Directive:
        """Return a directive of numbers only that resolves to these weights again, without presets, seed or x."""
        return Directive(
            name=self.lora,
            te=self.te,
            unet=None if self.unet == self.te else self.unet,
            dyn=self.dyn,
            weights=numeric_weights(self.weights, self.rules, self.family),
            schedule=self.schedule,
            tag=self.tag,
            extra=self.extra,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the weights as JSON values."""
        return {
            "lora": self.lora,
            "family": self.family,
            "te": self.te,
            "unet": self.unet,
            "weights": dict(self.weights),
            "rules": [rule.to_json() for rule in self.rules],
            "schedule": self.schedule and self.schedule.to_json(),
            "dyn": self.dyn,
            "tag": self.tag,
            "extra": [list(item) for item in self.extra],
            "notices": [notice.to_json() for notice in self.notices],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "BlockWeights":
        """Read what `to_json` wrote."""
        return cls(
            lora=data["lora"],
            family=data["family"],
            te=data["te"],
            unet=data["unet"],
            weights=tuple(data["weights"].items()),
            rules=tuple(map(ElementRule.from_json, data["rules"])),
            schedule=data["schedule"] and Schedule.from_json(data["schedule"]),
            dyn=data["dyn"],
            tag=data["tag"],
            extra=tuple((key, value) for key, value in data["extra"]),
            notices=tuple(map(Notice.from_json, data["notices"])),
        )
