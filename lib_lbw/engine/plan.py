"""Numbers onto modules: the scale plan of one LoRA file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.weights.resolve import BlockWeights
from lib_lbw.weights.schedule import Schedule


@dataclass(frozen=True)
class ScalePlan:
    """What every module of a LoRA file is multiplied with.

    `lora` is the absolute path of the file with forward slashes; `scales` holds the modules of the file, sorted. A
    scale multiplies the module's whole delta, bias included, after any DoRA step; no tensor is changed.
    """

    lora: str
    scales: tuple[tuple[ModuleId, float], ...]
    schedule: Schedule | None = None

    def active(self, step: int, steps: int) -> bool:
        """Tell whether the schedule, if there is one, lets the plan act in `step` (from 0) of `steps`."""
        return self.schedule is None or self.schedule.active(step, steps)

    def at(self, step: int, steps: int) -> Mapping[ModuleId, float]:
        """Return the scales in `step` (from 0) of a pass of `steps` steps.

        Outside the schedule everything but the text encoders is 0; prompts are encoded once, so these stay.
        """
        if self.active(step, steps):
            return dict(self.scales)
        return {module: scale if module.is_text_encoder else 0.0 for module, scale in self.scales}

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "lora": self.lora,
            "scales": {str(module): scale for module, scale in self.scales},
            "schedule": self.schedule and self.schedule.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ScalePlan":
        """Read what `to_json` wrote. Raises KeyNameError for a name that is no module."""
        scales = tuple((ModuleId.parse(name), scale) for name, scale in data["scales"].items())
        return cls(data["lora"], scales, data["schedule"] and Schedule.from_json(data["schedule"]))


def plan(weights: BlockWeights, modules: Iterable[ModuleId], family: Family, lora: str) -> ScalePlan:
    """Give every module of the file `lora` its scale.

    Raises FamilyError when `family` is not the one the weights were resolved for.
    """
    scales = tuple((module, weights.scale(module, family)) for module in sorted(set(modules)))
    return ScalePlan(lora, scales, weights.schedule)
