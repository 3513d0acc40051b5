"""The grids of an analysis as the WebUI shows them, one table each, in the order that programs know."""

from dataclasses import replace

from PIL import Image

from lib_lbw.analysis.files import read_image
from lib_lbw.analysis.grid import Page, compose
from lib_lbw.analysis.pages import diff_pages, picture_pages
from lib_lbw.analysis.results import Results


def grids_of(results: Results, *, by_seed: bool = False) -> list[Image.Image]:
    """Return the grids of the pictures, one for each value of the Z axis, and after them those of the differences.

    `by_seed`: of a block study, one for each seed instead of one with the seeds side by side.
    """
    grids: list[Image.Image] = []
    for pages, file in ((picture_pages(results), results.grid), (diff_pages(results), results.diff_grid)):
        alone = [each for page in pages for each in (_seeds(page, results) if by_seed else [page])]
        grids += [compose([page]) for page in alone] if len(alone) > 1 else [read_image(file)]
    return grids


def _seeds(page: Page, results: Results) -> list[Page]:
    """Return one page for each seed of a page that has them along an edge."""
    return (
        _columns(page)
        if results.plan.axes[0] == "seed"
        else [each.transposed() for each in _columns(page.transposed())]
    )


def _columns(page: Page) -> list[Page]:
    return [
        replace(
            page,
            columns=(label,),
            cells=tuple((row[number],) for row in page.cells),
            captions=tuple((row[number],) for row in page.captions),
        )
        for number, label in enumerate(page.columns)
    ]
