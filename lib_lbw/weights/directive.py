"""A directive as a value: everything `<lora:...>` can say, nothing looked up yet."""

from dataclasses import dataclass, field
from typing import Literal

from lib_lbw.weights.faults import fault
from lib_lbw.weights.number import check_number
from lib_lbw.weights.schedule import Bound, Schedule
from lib_lbw.weights.terms import (
    AllTerm,
    Area,
    PresetTerm,
    Target,
    TargetTerm,
    Term,
    Terms,
    Vector,
    Weights,
    check_name,
)
from lib_lbw.weights.value import Value

__all__ = [
    "KEYS",
    "AllTerm",
    "Area",
    "Bound",
    "Directive",
    "PresetTerm",
    "Schedule",
    "Target",
    "TargetTerm",
    "Term",
    "Terms",
    "Value",
    "Vector",
    "Weights",
]

KEYS = ("te", "unet", "dyn", "lbw", "w", "lbwe", "start", "stop", "step", "x")
"""The keys with a meaning; every other one is left alone."""

MAX_DYN = 999_999


@dataclass(frozen=True)
class Directive:
    """What one tag asks for.

    `te` and `unet` multiply the text-encoder and the U-Net part (`unet` None: as `te`); `dyn` is the host's dynamic
    rank. `weights` are the block weights (None: the plain LoRA), `elements` the name of an elemental preset, `x` the
    value of X (None: 1). `extra` holds the items of other extensions, in order and untouched.
    `elements_at` is where the elemental preset's name stood in the parsed text. Raises DirectiveError for what no tag
    can say.
    """

    name: str
    te: float = 1.0
    unet: float | None = None
    dyn: int | None = None
    weights: Weights | None = None
    elements: str | None = None
    schedule: Schedule | None = None
    x: float | None = None
    tag: Literal["lora", "lyco"] = "lora"
    extra: tuple[tuple[str, str], ...] = ()
    elements_at: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_lora_name(self.name)
        for number in (self.te, self.unet, self.x):
            if number is not None:
                check_number(number)
        if self.dyn is not None and not 0 <= self.dyn <= MAX_DYN:
            raise fault("dyn={text} is no rank", str(self.dyn), 0)
        if self.elements is not None:
            check_name(self.elements, self.elements_at)
        for key, value in self.extra:
            _check_extra(key, value)


def _check_lora_name(name: str) -> None:
    if not name or name != name.strip():
        raise fault("a tag needs the name of a LoRA, without blanks around it", name, 0)
    _refuse(name, ":<>")


def _check_extra(key: str, value: str) -> None:
    if key.strip() in KEYS:
        raise fault("{text}= has a meaning of its own and is no extra item", key.strip(), 0)
    _refuse(key, ":<>=")
    _refuse(value, ":<>")


def _refuse(text: str, letters: str) -> None:
    for position, letter in enumerate(text):
        if letter in letters:
            raise fault("{text!r} cannot stand inside an item of a tag", letter, position)
