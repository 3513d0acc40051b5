"""Results to grid pages: the pictures with their `Diff %`, and the diff maps. Pictures stay files until drawn."""

from collections.abc import Callable
from pathlib import Path

from lib_lbw.analysis.grid import Page
from lib_lbw.analysis.results import CellResult, Results

_FileOf = Callable[[CellResult], str | None]


def picture_pages(results: Results) -> list[Page]:
    """Return one page per z value with the pictures; changed ones are captioned with their `Diff %`."""
    return [_page(results, z, lambda result: result.file) for z in range(len(results.plan.pages))]


def diff_pages(results: Results) -> list[Page]:
    """Return the same pages with the diff map in place of each picture."""
    return [_page(results, z, lambda result: result.diff_file) for z in range(len(results.plan.pages))]


def diff_caption(result: CellResult) -> str:
    """Return `Diff 12.3 %`, or nothing where there is nothing to compare with."""
    return "" if result.difference is None else f"Diff {result.difference.diff_percent:.3g} %"


def _page(results: Results, z: int, file_of: _FileOf) -> Page:
    plan = results.plan
    places = {(each.cell.y, each.cell.x): each for each in results.cells if each.cell.z == z}
    title = ", ".join(text for text in (plan.title, plan.pages[z]) if text)
    row_numbers, column_numbers = range(len(plan.rows)), range(len(plan.columns))
    return Page(
        title=title,
        rows=plan.rows,
        columns=plan.columns,
        cells=tuple(
            tuple(_place(results.folder, places.get((y, x)), file_of) for x in column_numbers) for y in row_numbers
        ),
        captions=tuple(tuple(_caption(places.get((y, x))) for x in column_numbers) for y in row_numbers),
    )


def _place(folder: Path, result: CellResult | None, file_of: _FileOf) -> Path | None:
    name = None if result is None else file_of(result)
    return None if name is None else folder / name


def _caption(result: CellResult | None) -> str:
    return "" if result is None else diff_caption(result)
