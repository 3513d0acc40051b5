"""The cells of a block study. With `range` (low, high):

| | reference | block b | beside them |
|---|---|---|---|
| as usual | all blocks at high, or the tag's own weights | the same with b at low | the LoRA at 0 ("base") |
| inverse | all blocks at low | the same with b at high | all on, as the usual reference ("full") |

Rows: what stands beside, the reference, then the blocks; columns: the seeds. `swap_axes` changes the two over.
"""

import random
from dataclasses import replace

from lib_lbw.analysis.axes import seed_label
from lib_lbw.analysis.bench import Bench, everywhere
from lib_lbw.analysis.blocks_spec import Choice, parse_blocks
from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.cells import CellList
from lib_lbw.analysis.maps import parse_color
from lib_lbw.analysis.study import BlockStudy, check_threshold
from lib_lbw.analysis.tag import find_tag
from lib_lbw.errors import AnalysisError
from lib_lbw.weights.directive import Term, Terms, Weights
from lib_lbw.weights.grammar import parse_weights
from lib_lbw.weights.number import format_number
from lib_lbw.weights.presets import PresetBook

NO_LORA = "no LoRA"
_NO_PRESETS = PresetBook.parse("")
"""`lbw=XYZ` is a mark here, whatever preset has that name: the range says what all blocks start at."""


def plan_blocks(study: BlockStudy, bench: Bench, rng: random.Random) -> AnalysisPlan:
    """Return the plan of a block study. Raises AnalysisError and DirectiveError."""
    check_threshold(study.threshold)
    parse_color(study.diff_color)
    if not study.seeds:
        raise AnalysisError("no seeds given; write a whole number, or -1 to draw one")
    tag = find_tag(study.prompt, study.lora, _NO_PRESETS)
    choices = parse_blocks(study.blocks, bench.family, bench.present)
    seeds = tuple(rng.randrange(2**32) if seed == -1 else seed for seed in study.seeds)
    cells = CellList(tag, bench)
    for number, seed in enumerate(seeds):
        _column(cells, study, choices, number, seed)
    labels = (*_first_rows(study, cells), *(choice.label for choice in choices))
    columns = tuple(seed_label(seed) for seed in seeds)
    return AnalysisPlan(
        kind="blocks",
        title=_title(study, cells),
        lora=tag.directive.name,
        family=bench.family.title,
        axes=("block", "seed", "") if study.swap_axes else ("seed", "block", ""),
        columns=labels if study.swap_axes else columns,
        rows=columns if study.swap_axes else labels,
        pages=("",),
        cells=tuple(cells.cells),
        threshold=study.threshold,
        diff_color=study.diff_color,
        opposite="full" if study.inverse else "base",
        picture=study.picture,
        study=replace(study, seeds=seeds).to_json(),
        notices=notices(cells, seeds[0]),
    )


def notices(cells: CellList, seed: int) -> tuple[str, ...]:
    """Return what the user should know about the tag's own weights."""
    return tuple(str(notice) for notice in cells.bench.resolve(cells.tag.directive, seed).notices)


def _title(study: BlockStudy, cells: CellList) -> str:
    low, high = (format_number(number) for number in study.range)
    if study.inverse:
        return f"{cells.tag.directive.name}: one at {high}, the others at {low}"
    rest = f"at {high}" if cells.tag.directive.weights is None else "at their own weights"
    return f"{cells.tag.directive.name}: one at {low}, the others {rest}"


def _column(cells: CellList, study: BlockStudy, choices: tuple[Choice, ...], number: int, seed: int) -> None:
    """Add the pictures of one seed."""
    low, high = study.range
    on = cells.tag.directive.weights or everywhere(high)
    off = everywhere(low)
    beside, reference = (on, off) if study.inverse else (everywhere(0.0), on)
    labels = _first_rows(study, cells)
    kind = "full" if study.inverse else "base"

    def add(row: int, label: str, weights: Weights, kind: str, *terms: Term, pair: tuple[int | None, ...]) -> int:
        place = (row, number, 0) if study.swap_axes else (number, row, 0)
        names = (label, seed_label(seed), "") if study.swap_axes else (seed_label(seed), label, "")
        directive = cells.weighed(weights, seed, *terms)
        if kind == "base":
            directive = replace(directive, elements=None)  # they would weigh over the 0
        return cells.add(place, directive, seed, names, kind, *pair)

    first = len(cells.cells)
    add(0, labels[0], beside, kind, pair=(first + 1, None))
    add(1, labels[1], reference, "reference", pair=(None, None))
    for row, choice in enumerate(choices, 2):
        term = _term(choice, high if study.inverse else low)
        add(row, choice.label, reference, "block", term, pair=(first + 1, first))


def _first_rows(study: BlockStudy, cells: CellList) -> tuple[str, str]:
    low, high = (format_number(number) for number in study.range)
    on = f"all at {high}" if cells.tag.directive.weights is None else "own weights"
    return (on, f"all at {low}") if study.inverse else (NO_LORA, on)


def _term(choice: Choice, weight: float) -> Term:
    weights = parse_weights(f"{choice.target}@{format_number(weight)}")
    if not isinstance(weights, Terms):
        raise AnalysisError("{target} names no blocks", target=choice.target)
    return weights.terms[0]
