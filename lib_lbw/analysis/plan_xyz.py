"""The cells of an X/Y/Z plot. A cell's weights are built from the points of its axes, whatever their order:

1. the starting weights: the tag's own, or those of an Original Weights or presets axis (two Original Weights axes
   together: the nearer to x counts where both give a block something but 0);
2. the Block ID's blocks at the number of the values axis; without a Block ID axis everything times that number;
3. the elements.

Everything is measured against the LoRA with the tag's own weights, one such picture and one without the LoRA per seed.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TypeVar

from lib_lbw.analysis.axes import Point, read_axis, seed_label
from lib_lbw.analysis.bench import Bench, everywhere
from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.cells import BESIDE, CellList
from lib_lbw.analysis.maps import parse_color
from lib_lbw.analysis.plan_blocks import NO_LORA, notices
from lib_lbw.analysis.study import XyzStudy, check_threshold
from lib_lbw.analysis.tag import find_tag
from lib_lbw.errors import AnalysisError
from lib_lbw.weights.directive import Directive, Term, Terms
from lib_lbw.weights.grammar import parse_weights

_ONE_AXIS = ("values", "Block ID", "seed", "elements", "presets")
_Found = TypeVar("_Found")


def plan_xyz(study: XyzStudy, bench: Bench, rng: random.Random) -> AnalysisPlan:
    """Return the plan of a plot. Raises AnalysisError and DirectiveError."""
    check_threshold(study.threshold)
    parse_color(study.diff_color)
    _check_kinds(study)
    tag = find_tag(study.prompt, study.lora, bench.presets)
    order = (study.y, study.x, study.z) if study.swap_axes else (study.x, study.y, study.z)
    axes = [read_axis(axis, bench.family, bench.present, rng) for axis in order]
    seed = rng.randrange(2**32) if study.seed == -1 else study.seed
    cells = CellList(tag, bench)
    ends = {each: _ends(cells, each) for each in _seeds(axes, seed)}
    for (z, pz), (y, py), (x, px) in product(*(enumerate(points) for points in reversed(axes))):
        here = next((point.seed for point in (px, py, pz) if point.seed is not None), seed)
        directive = _directive(cells, (px, py, pz), here)
        cells.add((x, y, z), directive, here, (px.label, py.label, pz.label), "cell", *ends[here])
    return AnalysisPlan(
        kind="xyz",
        title=f"{tag.directive.name}: " + " / ".join(axis.kind for axis in order if axis.kind != "none"),
        lora=tag.directive.name,
        family=bench.family.title,
        axes=(order[0].kind, order[1].kind, order[2].kind),
        columns=tuple(point.label for point in axes[0]),
        rows=tuple(point.label for point in axes[1]),
        pages=tuple(point.label for point in axes[2]),
        cells=tuple(cells.cells),
        threshold=study.threshold,
        diff_color=study.diff_color,
        opposite="base",
        picture=study.picture,
        study=replace(study, seed=seed).to_json(),
        notices=notices(cells, seed),
    )


def _check_kinds(study: XyzStudy) -> None:
    kinds = [study.x.kind, study.y.kind, study.z.kind]
    twice = next((kind for kind in _ONE_AXIS if kinds.count(kind) > 1), None)
    if twice is not None:
        raise AnalysisError("two axes are {kind}; only Original Weights can be combined on two", kind=twice)
    if kinds.count("Original Weights") > 2 or ("Original Weights" in kinds and "presets" in kinds):
        raise AnalysisError("at most two axes can set the weights, both Original Weights")
    if "Block ID" in kinds and "values" not in kinds:
        raise AnalysisError("a Block ID axis needs an axis of values: the numbers its blocks get")


def _seeds(axes: Sequence[Sequence[Point]], seed: int) -> tuple[int, ...]:
    named = tuple(point.seed for points in axes for point in points if point.seed is not None)
    return tuple(dict.fromkeys(named or (seed,)))


def _ends(cells: CellList, seed: int) -> tuple[int, int]:
    """Add the two pictures of a seed that the others are measured by; return reference and base."""
    none = replace(cells.tag.directive, weights=everywhere(0.0), elements=None)
    first = len(cells.cells)
    base = cells.add(BESIDE, none, seed, (seed_label(seed), NO_LORA, ""), "base", first + 1)
    labels = (seed_label(seed), "starting weights", "")
    return cells.add(BESIDE, cells.weighed(cells.tag.weights, seed), seed, labels, "reference"), base


def _directive(cells: CellList, points: tuple[Point, ...], seed: int) -> Directive:
    bench = cells.bench
    elements = next((point.elements for point in points if point.elements is not None), None)
    own = cells.tag.directive
    directive = replace(own, weights=cells.tag.weights, elements=own.elements if elements is None else None)
    originals = [point.weights for point in points if point.weights is not None]
    if len(originals) == 2:
        directive = bench.combined(directive, originals[0], originals[1], seed)
    elif originals:
        directive = replace(directive, weights=originals[0])
    value = next((point.value for point in points if point.value is not None), None)
    target = next((point.target for point in points if point.target is not None), None)
    if value is not None and target is None:
        directive = bench.scaled(directive, value, seed)
    elif value is not None:
        directive = bench.extended(directive, _terms(f"{target}@{value}"), seed)
    if elements is not None:
        directive = replace(directive, elements=elements)
    return bench.extended(directive, tuple(term for point in points for term in point.terms), seed)


def _terms(text: str) -> tuple[Term, ...]:
    weights = parse_weights(text)
    return weights.terms if isinstance(weights, Terms) else ()
