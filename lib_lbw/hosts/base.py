"""What every home of the product offers: a model, its LoRAs, and pictures drawn with scaled modules."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

from PIL import Image

from lib_lbw.blocks.family import Family
from lib_lbw.engine.plan import ScalePlan
from lib_lbw.errors import HostError
from lib_lbw.weights.notice import Notice

SEEDS = 2**63
"""Random generators take whole numbers below this."""


@dataclass(frozen=True)
class Picture:
    """One text-to-image request. `prompt` holds no directives; sizes are in pixels; `cfg_scale` <= 1 is unguided.

    Raises HostError for a number that no model can draw with: `steps` and sizes are from 1, `seed` is from 0 to
    2^63 - 1, `cfg_scale` is finite. What depends on the model is for `Host.check`.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    steps: int = 20
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    sampler: str = "Euler"

    def __post_init__(self) -> None:
        for name in ("steps", "width", "height"):
            value = getattr(self, name)
            if value < 1:
                raise HostError("{name} is {value}; a picture needs a whole number from 1.", name=name, value=value)
        if not math.isfinite(self.cfg_scale):
            raise HostError("The CFG scale {value} is no number to guide with.", value=self.cfg_scale)
        if not 0 <= self.seed < SEEDS:
            raise HostError("{value} is no seed: a whole number from 0 to {last}.", value=self.seed, last=SEEDS - 1)

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "Picture":
        """Build a picture from `to_json` values; names it does not know are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})  # type: ignore[arg-type]


OnStep = Callable[[int, int], None]
"""Called with (sampling steps done, steps in all). Raise `StopDrawing` to end the run."""

OnImage = Callable[[int, Image.Image], None]
"""Called with (number of the job, its picture) as soon as the picture is done. Raise `StopDrawing` to end the run."""

Job = tuple[Picture, Sequence[ScalePlan]]
"""A picture and the plans it is drawn with."""


class StopDrawing(Exception):  # noqa: N818 - a request, not a fault
    """Raised by a callback to end a run early. The model is restored; finished pictures were delivered."""


class Host(Protocol):
    """A running model that draws pictures with LoRAs whose modules have scales of their own."""

    loras: Mapping[str, Path]
    """Name in a directive -> file."""

    @property
    def model(self) -> str:
        """Name of the model, for the parameter text."""

    @property
    def device(self) -> str:
        """What the model runs on, and the type of its numbers, in words."""

    @property
    def family(self) -> Family:
        """Family of the model."""

    @property
    def samplers(self) -> tuple[str, ...]:
        """Names that `Picture.sampler` may have."""

    @property
    def defaults(self) -> Picture:
        """A picture with settings that suit the model."""

    def check(self, picture: Picture) -> None:
        """Raise HostError for a size, a sampler or a number of steps that the model cannot draw with."""

    def applied(self, plans: Sequence[ScalePlan]) -> AbstractContextManager[None]:
        """Give the modules their scales inside the block; afterwards the model is bit-identical to before."""

    def draw(self, picture: Picture, plans: Sequence[ScalePlan] = (), on_step: OnStep | None = None) -> Image.Image:
        """Draw one picture."""

    def draw_many(self, jobs: Sequence[Job], on_image: OnImage, on_step: OnStep | None = None) -> None:
        """Draw all jobs, in any order, several at once where that is faster."""

    def notices(self, plans: Sequence[ScalePlan]) -> tuple[Notice, ...]:
        """Tell what of the plans' files cannot act on this model; complete after they were drawn with."""
