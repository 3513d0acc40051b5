"""The calls that the host's samplers make of the denoising model in one pass."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class Sampler:
    """A sampler: its name in the host, whether the host calls it second-order, and the step of every call."""

    name: str
    second_order: bool

    def calls(self, steps: int) -> list[int]:
        """Return the step, from 0, that each call belongs to."""
        if self.second_order:
            return [step for step in range(steps) for _ in range(2)][:-1]
        if self.name == "PLMS":
            return [0, *range(steps)]
        if self.name == "UniPC":
            return [*range(steps), steps - 1]
        return list(range(steps))

    def denoiser(self, p: Any, steps: int) -> Any:
        """Return the host's CFGDenoiser before the first call of a pass."""
        total = steps * 2 if self.second_order else steps
        sampler = SimpleNamespace(config=SimpleNamespace(name=self.name))
        return SimpleNamespace(step=0, steps=steps, total_steps=total, p=p, sampler=sampler)


SAMPLERS = (
    Sampler("Euler", False),
    Sampler("Heun", True),
    Sampler("DPM++ SDE", True),
    Sampler("PLMS", False),
    Sampler("UniPC", False),
)
