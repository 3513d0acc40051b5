"""What the user asks for, as values: a block study or an X/Y/Z plot. Both go to JSON and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lib_lbw.analysis.axes import NO_AXIS, Axis
from lib_lbw.errors import AnalysisError


@dataclass(frozen=True)
class BlockStudy:
    """Effective Block Analyzer: which block does what.

    All blocks stand at the second number of `range`, and one choice of `blocks` at a time at the first. `inverse`: all
    at the first number, one at a time at the second. A tag with weights of its own keeps them in place of the second
    number (of all-on pictures). `lora` names the tag where several could be meant. `swap_axes` puts the blocks along
    the top. `threshold` [0, 255] belongs to `Diff %`; `diff_color` is the background of the diff maps. `picture` are
    the settings of the drawing program.
    """

    prompt: str
    lora: str | None = None
    blocks: str = "ALL"
    range: tuple[float, float] = (0.0, 1.0)
    inverse: bool = False
    swap_axes: bool = False
    seeds: tuple[int, ...] = (0,)
    threshold: int = 20
    diff_color: str = "black"
    picture: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the study as JSON types."""
        return {"kind": "blocks", **asdict(self), "range": list(self.range), "seeds": list(self.seeds)}


@dataclass(frozen=True)
class XyzStudy:
    """X/Y/Z plot over one LoRA tag. `seed` is used where no axis is a seed axis; the rest as in `BlockStudy`."""

    prompt: str
    lora: str | None = None
    x: Axis = NO_AXIS
    y: Axis = NO_AXIS
    z: Axis = NO_AXIS
    seed: int = 0
    swap_axes: bool = False
    threshold: int = 20
    diff_color: str = "black"
    picture: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the study as JSON types."""
        return {"kind": "xyz", **asdict(self)}


Study = BlockStudy | XyzStudy


def study_from_json(data: Mapping[str, Any]) -> Study:
    """Return the study that `to_json` wrote. Raises AnalysisError for anything else."""
    values = {key: value for key, value in data.items() if key != "kind"}
    try:
        if data.get("kind") == "blocks":
            low, high = values["range"]
            return BlockStudy(**{**values, "range": (low, high), "seeds": tuple(values["seeds"])})
        if data.get("kind") == "xyz":
            return XyzStudy(**{**values, **{name: Axis(**values[name]) for name in "xyz"}})
    except (TypeError, KeyError, ValueError) as reason:
        raise AnalysisError("these settings of an analysis cannot be read: {reason}", reason=reason) from None
    raise AnalysisError("these are no settings of an analysis: kind is {kind!r}", kind=data.get("kind"))


def parse_range(text: str) -> tuple[float, float]:
    """Read the Range field, `0, 1`. Raises AnalysisError."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise AnalysisError("range {text!r}: write two numbers, as in 0, 1", text=text) from None
    if not (abs(low) <= 1e6 and abs(high) <= 1e6):
        raise AnalysisError("range {text!r}: write two numbers, as in 0, 1", text=text)
    if low == high:
        raise AnalysisError("range {text!r}: with two equal numbers nothing changes", text=text)
    return low, high


def check_threshold(threshold: int) -> None:
    """Raise AnalysisError unless the threshold lies in [0, 255]."""
    if not 0 <= threshold <= 255:
        raise AnalysisError("threshold {threshold}: it lies between 0 and 255", threshold=threshold)
