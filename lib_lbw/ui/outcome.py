"""Results of an analysis in words: what its numbers are called, which picture is which, and all in one sentence."""

from lib_lbw.analysis.axes import seed_label
from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.results import Results, Row
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
_BLOCK_AXES = ("block", "Block ID")  # of a block study, of a plot


def row_name(results: Results, row: Row) -> str:
    """Return the label of a row; of one that is told by its seeds alone, the name of its first cell."""
    return row.label or results.plan.cells[row.cells[0]].name


def block_axis(plan: AnalysisPlan) -> int | None:
    """Return which of a cell's labels names its block; None for a plot without an axis of blocks."""
    return next((number for number, kind in enumerate(plan.axes) if kind in _BLOCK_AXES), None)


def cell_labels(plan: AnalysisPlan, cell: Cell) -> tuple[str, ...]:
    """Return the labels that tell the cell from the others; the seed is left out where all have the same."""
    one_seed = len({each.seed for each in plan.cells}) == 1
    return tuple(label for label in cell.labels if label and not (one_seed and label == seed_label(cell.seed)))


def summary(results: Results, translate: Translate) -> str:
    """Return the results in one sentence."""
    drawn, count = sum(cell.file is not None for cell in results.cells), len(results.cells)
    if drawn < count:
        template = "Stopped: {drawn} of {count} pictures are there. Continue goes on from here."
        return say(translate, template, drawn=drawn, count=count)
    ranked = [(row_name(results, row), row.numbers[STRONGEST].median) for row in results.ranked(STRONGEST)[:3]]
    strongest = [(label, percent) for label, percent in ranked if percent > 0]
    if not strongest:
        return translate("Nothing here changes the picture visibly.")
    blocks = "; ".join(f"{label} ({percent:.3g} %)" for label, percent in strongest)
    return say(translate, "Strongest effect, in changed pixels: {blocks}", blocks=blocks)
