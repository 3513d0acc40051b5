"""What the form of the Analyze tab says, as a value, and as what the analysis is asked for."""

import random
from dataclasses import dataclass, replace
from typing import Any

from lib_lbw.analysis.axes import Axis, parse_seeds
from lib_lbw.analysis.study import BlockStudy, Study, XyzStudy, parse_range
from lib_lbw.errors import AnalysisError
from lib_lbw.hosts.base import Picture


@dataclass(frozen=True)
class Form:
    """The fields of the tab as typed. `seeds` empty: the seed of `picture`. `lora` None: the only one.

    `axes` are x, y and z of a plot; None asks for blocks one by one, and only those look at `blocks`, `range` and
    `inverse`.
    """

    prompt: str
    lora: str | None
    blocks: str
    range: str
    seeds: str
    inverse: bool
    threshold: float
    picture: Picture
    axes: tuple[Axis, Axis, Axis] | None = None
    swap_axes: bool = False
    diff_color: str = "black"

    def with_lora(self, lora: str | None) -> "Form":
        """Return the same form for another LoRA of the prompt."""
        return replace(self, lora=lora)


def study_of(form: Form, chance: random.Random) -> Study:
    """Return the block study or the plot of the form; `chance` draws the seeds -1. Raises AnalysisError."""
    seeds = parse_seeds(form.seeds, chance) if form.seeds.strip() else (form.picture.seed,)
    shared: dict[str, Any] = {
        "prompt": form.prompt,
        "lora": form.lora or None,
        "swap_axes": form.swap_axes,
        "threshold": int(form.threshold),
        "diff_color": form.diff_color,
        "picture": form.picture.to_json(),
    }
    if form.axes is None:
        return BlockStudy(
            **shared, blocks=form.blocks, range=parse_range(form.range), inverse=form.inverse, seeds=seeds
        )
    _check_axes(form, form.axes, seeds)
    x, y, z = form.axes
    return XyzStudy(**shared, x=x, y=y, z=z, seed=seeds[0])


def _check_axes(form: Form, axes: tuple[Axis, ...], seeds: tuple[int, ...]) -> None:
    kinds = {axis.kind for axis in axes}
    if kinds == {"none"}:
        raise AnalysisError("choose what at least one of the axes changes")
    if "seed" in kinds and form.seeds.strip():
        raise AnalysisError("the seeds are an axis: empty the field Seeds")
    if len(seeds) != 1:
        raise AnalysisError("seeds {text}: a plot takes one seed; several are an axis of seeds", text=form.seeds)
