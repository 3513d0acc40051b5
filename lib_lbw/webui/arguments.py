"""The arguments of the selectable script, as the page sends them and as programs send them that know the reference.

Both send one list in one order; the documentation of `sd-webui-lora-block-weight` for API users gives the first 18:
presets, active, kind, six fields of the axes, range, blocks, number of seeds, colour, threshold, swap, elemental
presets and two more switches. The WebUI hands over as many as our page has, and fills a shorter list up with what
belongs to other scripts; so ours after those 18 begin with a mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lib_lbw.analysis.axes import Axis
from lib_lbw.errors import AnalysisError
from lib_lbw.hosts.base import Picture
from lib_lbw.ui.form import Form

Kind = Literal["off", "plot", "blocks"]

BLOCKS, PLOT = "Effective Block Analyzer", "X/Y/Z plot"
KIND_NAMES = (BLOCKS, PLOT)
MARK = "lora-block-weight"
_KINDS: dict[object, Kind] = {0: "off", 1: "plot", 2: "blocks", PLOT: "plot", BLOCKS: "blocks", "": "off", None: "off"}
_REFERENCE = 18


@dataclass(frozen=True)
class Arguments:
    """What was asked for. Fields are texts as typed; the meaning of each is that of `lib_lbw.ui.form.Form`."""

    presets: str = ""
    elements: str = ""
    active: bool = True
    kind: Kind = "blocks"
    axes: tuple[Axis, Axis, Axis] = (Axis("values", "0,0.5,1"), Axis(), Axis())
    range: str = "0,1"
    blocks: str = "ALL"
    seed_count: int = 1
    diff_color: str = "black"
    threshold: int = 20
    swap_axes: bool = False
    lora: str = ""
    seeds: str = ""
    inverse: bool = False

    def form(self, prompt: str, picture: Picture) -> Form:
        """Return the form of an analysis of `prompt`. `seed_count` draws seeds beside that of `picture`."""
        more = ",".join([str(picture.seed), *["-1"] * (self.seed_count - 1)]) if self.seed_count > 1 else ""
        return Form(
            prompt=prompt,
            lora=self.lora or None,
            blocks=self.blocks,
            range=self.range,
            seeds=self.seeds or ("" if self.kind == "plot" else more),
            inverse=self.inverse,
            threshold=self.threshold,
            picture=picture,
            axes=self.axes if self.kind == "plot" else None,
            swap_axes=self.swap_axes,
            diff_color=self.diff_color,
        )


def read_arguments(values: Sequence[Any]) -> Arguments:
    """Read a list of arguments; what is missing, empty or None has its default. Raises AnalysisError."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = values[0]
    given = (*values, *[None] * (_REFERENCE - len(values)))
    own = given[_REFERENCE + 1 :] if given[_REFERENCE : _REFERENCE + 1] == (MARK,) else ()
    lora, seeds, inverse = (*own, *[None] * 3)[:3]
    fallback = Arguments()
    return Arguments(
        presets=_text(given[0], ""),
        active=given[1] in (None, "") or bool(given[1]),
        kind=_kind(given[2]),
        axes=(_axis(given[3], given[4]), _axis(given[5], given[6]), _axis(given[7], given[8])),
        range=_text(given[9], fallback.range),
        blocks=_text(given[10], fallback.blocks),
        seed_count=_whole(given[11], fallback.seed_count, "number of seeds"),
        diff_color=_text(given[12], fallback.diff_color),
        threshold=_whole(given[13], fallback.threshold, "threshold"),
        swap_axes=bool(given[14]),
        elements=_text(given[15], ""),
        lora=_text(lora, ""),
        seeds=_text(seeds, ""),
        inverse=bool(inverse),
    )


def _kind(value: object) -> Kind:
    if not isinstance(value, str | int | None) or value not in _KINDS:
        raise AnalysisError("{kind!r} is no analysis; there are {kinds}", kind=value, kinds=", ".join(KIND_NAMES))
    return _KINDS[value]


def _axis(kind: object, values: object) -> Axis:
    return Axis(_text(kind, "none"), _text(values, ""))


def _text(value: object, default: str) -> str:
    return default if value is None or value == "" else str(value)


def _whole(value: object, default: int, name: str) -> int:
    text = _text(value, str(default))
    try:
        return int(float(text))
    except ValueError:
        raise AnalysisError("{name} {text!r}: write a whole number", name=name, text=text) from None
