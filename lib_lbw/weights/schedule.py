"""Step windows: during which sampling steps the U-Net part of a LoRA acts."""

import re
from dataclasses import dataclass
from fractions import Fraction

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.faults import fault, placed
from lib_lbw.weights.number import check_number, format_number
from lib_lbw.weights.piece import Piece

_BOUND = re.compile(r"-?[0-9]+\.?[0-9]*|-?\.[0-9]+")


@dataclass(frozen=True)
class Bound:
    """One end of a window: a step counted from 0, or (`fraction`) a part of all steps in [0, 1].

    Raises DirectiveError for a negative number, a step that is not whole, or a fraction above 1.
    """

    number: float
    fraction: bool

    def __post_init__(self) -> None:
        check_number(self.number)
        if self.number < 0:
            raise fault("step {text} is negative; steps are counted from 0", format_number(self.number), 0)
        if self.fraction and self.number > 1:
            raise fault("{text} is above 1: a number with a point is a fraction of all steps", str(self), 0)
        if not self.fraction and not float(self.number).is_integer():
            raise fault("{text} is not a whole step", format_number(self.number), 0)

    def __str__(self) -> str:
        text = format_number(self.number)
        return text + ".0" if self.fraction and "." not in text else text

    @classmethod
    def parse(cls, text: str, position: int = 0) -> "Bound":
        """Read `10` as a step and `0.4` as a fraction: the point tells them apart. Raises DirectiveError."""
        bare = Piece(text, position).bare()
        if not _BOUND.fullmatch(bare.text):
            raise fault("{text!r} is neither a whole step nor a fraction such as 0.4", *bare)
        try:
            return cls(float(bare.text), "." in bare.text)
        except DirectiveError as error:
            raise placed(error, *bare) from None

    def step(self, steps: int) -> Fraction:
        """Return this end as an exact step number for a pass of `steps` steps.

        The decimal the user wrote counts, not its binary neighbour: 0.55 of 100 steps is 55, not 55.00000000000001.
        """
        exact = Fraction(format_number(self.number))
        return exact * steps if self.fraction else exact


@dataclass(frozen=True)
class Schedule:
    """The steps i, counted from 0 in every pass, with start <= i < stop; an end that is None is open.

    Raises DirectiveError when both ends are open, or when two ends of one kind leave no step between them.
    """

    start: Bound | None = None
    stop: Bound | None = None

    def __post_init__(self) -> None:
        if self.start is None and self.stop is None:
            raise fault("a schedule needs a start, a stop, or both", "", 0)
        if self.start is None or self.stop is None or self.start.fraction != self.stop.fraction:
            return
        if self.start.number >= self.stop.number:
            template = "the steps {window} are none: the start must lie before the stop"
            raise fault(template, str(self), 0, window=self)

    def __str__(self) -> str:
        return f"{self.start or ''}-{self.stop or ''}"

    def active(self, step: int, steps: int) -> bool:
        """Tell whether the U-Net part acts in `step` (from 0) of a pass of `steps` steps."""
        after_start = self.start is None or step >= self.start.step(steps)
        return after_start and (self.stop is None or step < self.stop.step(steps))

    def to_json(self) -> dict[str, str | None]:
        """Return `{"start": "0.4", "stop": None}`: the ends as a user writes them."""
        return {
            "start": None if self.start is None else str(self.start),
            "stop": None if self.stop is None else str(self.stop),
        }

    @classmethod
    def from_json(cls, data: dict[str, str | None]) -> "Schedule":
        """Read what `to_json` wrote. Raises DirectiveError for ends that make no window."""
        start, stop = data["start"], data["stop"]
        return cls(None if start is None else Bound.parse(start), None if stop is None else Bound.parse(stop))
