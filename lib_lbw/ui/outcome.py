"""Results of an analysis as a small value that a page can keep, and its table, sentence and captions."""

from collections.abc import Sequence
from dataclasses import dataclass

from lib_lbw.analysis.axes import seed_label
from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.results import CellResult, Results, Row
from lib_lbw.blocks.family import Family
from lib_lbw.ui.i18n import Translate, say

#: Name of a number in the results -> its heading and what it means (English templates), in the order of the table.
NUMBERS = {
    "diff_percent": ("Changed %", "Changed: colour values beyond the threshold, in %"),
    "color_difference": ("ΔE", "Colour: mean ΔE (2.3 is just noticeable)"),
    "composition": ("Layout", "Layout: 1 − SSIM at 32 × 32 (0 is the same)"),
    "line_energy": ("Lines", "Lines: more and harder (+), fewer and softer (−)"),
    "amount": ("Amount", "Amount: share of the LoRA's whole effect"),
    "toward": ("Direction", "Direction: how far towards the opposite picture"),
    "off_axis": ("Sideways", "Sideways: the part that leads neither way"),
    "lightness": ("L*", "L*: lighter (+), darker (−)"),
    "red_green": ("a*", "a*: redder (+), greener (−)"),
    "blue_yellow": ("b*", "b*: yellower (+), bluer (−)"),
}
STRONGEST = "diff_percent"
_DIGITS = 3
_BLOCK_AXES = ("block", "Block ID")  # of a block study, of a plot
_BESIDE = ("base", "full", "reference")  # kinds of cells that the others are measured against


@dataclass(frozen=True)
class Outcome:
    """What a page shows of results.

    `rows`: label of a changed block and its numbers (medians over the seeds), the strongest first. `pictures`: file,
    labels of the cell, and for the map of a difference the share of changed values in percent, else None. `files`: what
    to take away. `drawn` of `count` cells have a picture. `present`: the leaves of the LoRA's file, None if unknown.
    `blocks`: what each row changes; empty for a plot without an axis of blocks. `notices`: what the user may not
    expect.
    """

    folder: str
    lora: str
    rows: tuple[tuple[str, dict[str, float]], ...]
    pictures: tuple[tuple[str, tuple[str, ...], float | None], ...]
    files: tuple[str, ...]
    grid: str
    diff_grid: str
    drawn: int
    count: int
    present: tuple[str, ...] | None
    blocks: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when nothing is missing."""
        return self.drawn == self.count


def outcome(results: Results, present: tuple[str, ...] | None) -> Outcome:
    """Gather what a page shows of `results`."""
    folder, ranked = results.folder, results.ranked(STRONGEST)
    files = [results.report, results.grid, results.diff_grid, folder / "results.csv", folder / "results.json"]
    return Outcome(
        folder=folder.name,
        lora=results.plan.lora,
        rows=tuple(
            (_row_name(results, row), {name: round(spread.median, _DIGITS) for name, spread in row.numbers.items()})
            for row in ranked
        ),
        pictures=_pictures(results),
        files=tuple(str(file) for file in files),
        grid=str(results.grid),
        diff_grid=str(results.diff_grid),
        drawn=sum(cell.file is not None for cell in results.cells),
        count=len(results.cells),
        present=present,
        blocks=_blocks(results, ranked),
        notices=results.notices,
    )


def _row_name(results: Results, row: Row) -> str:
    """Return the label of a row; of one that is told by its seeds alone, the name of its first cell."""
    return row.label or results.plan.cells[row.cells[0]].name


def _blocks(results: Results, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return what is written on the axis of blocks for each row; nothing where there is no such axis."""
    plan = results.plan
    place = next((number for number, kind in enumerate(plan.axes) if kind in _BLOCK_AXES), None)
    return () if place is None else tuple(plan.cells[row.cells[0]].labels[place] for row in rows)


def _pictures(results: Results) -> tuple[tuple[str, tuple[str, ...], float | None], ...]:
    """Return what is measured against, then every changed cell with the map of the change, the strongest first."""
    shown: list[tuple[str, tuple[str, ...], float | None]] = []
    for result in sorted(results.cells, key=_order):
        labels = cell_labels(results.plan, result.cell)
        if result.file is not None:
            shown.append((str(results.folder / result.file), labels, None))
        if result.diff_file is not None and result.difference is not None and result.cell.kind not in _BESIDE:
            shown.append((str(results.folder / result.diff_file), labels, result.difference.diff_percent))
    return tuple(shown)


def _order(result: CellResult) -> tuple[int, float]:
    strength = result.difference.diff_percent if result.difference else 0.0
    return (_BESIDE.index(result.cell.kind), 0.0) if result.cell.kind in _BESIDE else (len(_BESIDE), -strength)


def cell_labels(plan: AnalysisPlan, cell: Cell) -> tuple[str, ...]:
    """Return the labels that tell the cell from the others; the seed is left out where all have the same."""
    one_seed = len({each.seed for each in plan.cells}) == 1
    return tuple(label for label in cell.labels if label and not (one_seed and label == seed_label(cell.seed)))


def block_numbers(shown: Outcome, number: str, family: Family) -> dict[str, float]:
    """Return block -> number for the rows that change one block of the family; of several, the largest by size."""
    found: dict[str, float] = {}
    for block, (_, numbers) in zip(shown.blocks, shown.rows, strict=bool(shown.blocks)):
        if number in numbers and family.block(block) == block:
            found[block] = max(found.get(block, 0.0), numbers[number], key=abs)
    return found


def table(shown: Outcome, translate: Translate) -> dict[str, list[object]]:
    """Return headers and data of the numbers of every row."""
    names = [name for name in NUMBERS if any(name in numbers for _, numbers in shown.rows)]
    return {
        "headers": [translate("Block" if shown.blocks else "Values"), *(translate(NUMBERS[name][0]) for name in names)],
        "data": [[label, *(numbers.get(name) for name in names)] for label, numbers in shown.rows],
    }


def captioned(shown: Outcome, translate: Translate) -> list[tuple[str, str]]:
    """Return file and caption of every picture."""

    def caption(labels: tuple[str, ...], percent: float | None) -> str:
        name = ", ".join(map(translate, labels))
        if percent is None:
            return name
        return say(translate, "{name}: {percent} % changed", name=name, percent=f"{percent:.3g}")

    return [(file, caption(labels, percent)) for file, labels, percent in shown.pictures]


def summary(shown: Outcome, translate: Translate) -> str:
    """Return the results in one sentence."""
    if not shown.complete:
        template = "Stopped: {drawn} of {count} pictures are there. Continue goes on from here."
        return say(translate, template, drawn=shown.drawn, count=shown.count)
    strongest = [(label, numbers[STRONGEST]) for label, numbers in shown.rows[:3] if numbers[STRONGEST] > 0]
    if not strongest:
        return translate("Nothing here changes the picture visibly.")
    blocks = "; ".join(f"{label} ({percent:.3g} %)" for label, percent in strongest)
    return say(translate, "Strongest effect, in changed pixels: {blocks}", blocks=blocks)
