"""Draw what a plan asks for, each picture once, then measure it and write everything into one folder."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.color import View
from lib_lbw.analysis.files import read_image, write_json, write_png, write_text
from lib_lbw.analysis.generator import Generator, OnStep
from lib_lbw.analysis.grid import compose
from lib_lbw.analysis.journal import Journal
from lib_lbw.analysis.maps import diff_map, heat_map
from lib_lbw.analysis.metrics import compare, direction
from lib_lbw.analysis.pages import diff_pages, picture_pages
from lib_lbw.analysis.report import write_report
from lib_lbw.analysis.results import CellResult, Results, map_files, results_csv, results_of
from lib_lbw.analysis.stored import RESULTS_CSV, RESULTS_JSON, stored_results


@dataclass(frozen=True)
class Progress:
    """How far the drawing is, told after each picture. `image` is the newest one.

    `seconds_left` is None until the first picture is done. It goes by the sampling steps where the generator tells of
    them: pictures drawn together come together, and the first one of them is not the time of one.
    """

    done: int
    total: int
    seconds_left: float | None
    image: Image.Image | None
    label: str


def run_analysis(
    plan: AnalysisPlan,
    generator: Generator,
    out: Path,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: OnStep = lambda step, steps: None,
    clock: Callable[[], float] = time.monotonic,
    notices: Callable[[], Iterable[str]] = tuple,
) -> Results:
    """Draw the missing pictures of `plan` into `out`, then write the numbers, grids and the report.

    Called again with the same folder after a stop or a crash, it draws only what is missing. A stop keeps everything
    drawn so far and still writes the results of it. `notices` is asked after drawing what the generator has to say.
    Raises AnalysisError for a folder that is not ours, and whatever the generator raises (what was drawn before is
    kept).
    """
    journal = Journal.open(out, plan)
    drawn = _draw(journal, generator, on_progress, should_stop, on_step, clock)
    stored = None if drawn else stored_results(journal)
    return measure(journal, notices()) if stored is None else stored


def read_results(folder: Path) -> Results:
    """Return the results of an earlier run, measured anew only where the folder changed since they were written.

    Raises AnalysisError for a folder that holds no analysis.
    """
    journal = Journal.read(folder)
    stored = stored_results(journal)
    return measure(Journal.open(folder, journal.plan)) if stored is None else stored


def measure(journal: Journal, notices: Iterable[str] = ()) -> Results:
    """Measure the pictures that are there and write results.json, results.csv, the grids, the maps and the report."""
    plan, out = journal.plan, journal.folder
    files = [journal.file(request) for request in plan.requests()]
    view = lru_cache(maxsize=4)(lambda path: View(read_image(path)))  # cells of a seed share the same two ends
    cells = tuple(_measured(plan, cell, files, out, view) for cell in plan.cells)
    results = results_of(out, plan, cells, notices)
    write_text(out / RESULTS_CSV, results_csv(cells))
    write_png(results.grid, compose(picture_pages(results)))
    write_png(results.diff_grid, compose(diff_pages(results)))
    write_report(results)
    write_json(out / RESULTS_JSON, results.to_json())
    return results


def _draw(
    journal: Journal,
    generator: Generator,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    on_step: OnStep,
    clock: Callable[[], float],
) -> int:
    """Draw what is missing and return how many pictures that were."""
    requests = journal.plan.requests()
    missing = [index for index, request in enumerate(requests) if journal.file(request) is None]
    total, already = len(requests), len(requests) - len(missing)
    on_progress(Progress(already, total, None, None, ""))
    if not missing or should_stop():
        return 0
    begun, drawn, share = clock(), 0, 0.0

    def on_any_step(done: int, steps: int) -> None:
        nonlocal share
        share = done / steps
        on_step(done, steps)

    def on_image(number: int, image: Image.Image, parameters: str) -> None:
        nonlocal drawn
        index = missing[number]
        journal.add(index, requests[index], image, parameters)
        drawn += 1
        worked = max(share, drawn / len(missing))
        left = (clock() - begun) * (1 - worked) / worked
        on_progress(Progress(already + drawn, total, left, image, _label(journal.plan, index)))

    generator.generate_many([requests[index] for index in missing], on_image, on_any_step, should_stop)
    return drawn


def _label(plan: AnalysisPlan, picture: int) -> str:
    return next(cell.name for cell in plan.cells if cell.picture == picture)


def _measured(
    plan: AnalysisPlan, cell: Cell, files: list[Path | None], out: Path, view: Callable[[Path], View]
) -> CellResult:
    file = files[cell.picture]
    before = None if cell.against is None else files[plan.cells[cell.against].picture]
    if file is None:
        return CellResult(cell, None)
    name = file.relative_to(out).as_posix()
    if before is None:
        return CellResult(cell, name)
    reference, picture = view(before), view(file)
    far = None if cell.opposite is None else files[plan.cells[cell.opposite].picture]
    diff_file, heat_file = map_files(name)
    write_png(out / diff_file, diff_map(reference, picture, background=plan.diff_color, threshold=plan.threshold))
    write_png(out / heat_file, heat_map(reference, picture))
    return CellResult(
        cell,
        name,
        compare(reference, picture, plan.threshold),
        None if far is None else direction(reference, view(far), picture),
        diff_file,
        heat_file,
    )
