"""Results read back from a folder, where nothing changed since they were written."""

import json
from collections.abc import Mapping
from typing import Any

from lib_lbw.analysis.cell import Cell
from lib_lbw.analysis.journal import Journal
from lib_lbw.analysis.metrics import Difference, Direction
from lib_lbw.analysis.results import DIRECTIONS, NUMBERS, CellResult, Results, map_files, results_of

RESULTS_JSON = "results.json"
"""Written last: where it is up to date, everything else is."""

RESULTS_CSV = "results.csv"


def stored_results(journal: Journal) -> Results | None:
    """Return the results in the journal's folder; None unless they are of just its plan and the pictures there are.

    Files are looked up, not opened: a picture that was written after the results makes them out of date.
    """
    try:
        data = json.loads((journal.folder / RESULTS_JSON).read_text(encoding="utf-8"))
        results = _restored(journal, data)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return results if results.to_json() == data and _is_up_to_date(results) else None


def _restored(journal: Journal, data: Mapping[str, Any]) -> Results:
    plan = journal.plan
    files = [journal.file(request) for request in plan.requests()]
    names = [None if file is None else file.relative_to(journal.folder).as_posix() for file in files]
    pairs = zip(plan.cells, data["cells"], strict=True)
    cells = tuple(_cell(cell, names[cell.picture], found) for cell, found in pairs)
    return results_of(journal.folder, plan, cells, map(str, data["notices"]))


def _cell(cell: Cell, file: str | None, data: Mapping[str, Any]) -> CellResult:
    numbers, where = data["numbers"], data["where"]
    if file is None or where is None:
        return CellResult(cell, file)
    difference = Difference(**{name: numbers[name] for name in NUMBERS}, where=tuple(where))
    isolated = {name: numbers[name] for name in DIRECTIONS if name in numbers}
    return CellResult(cell, file, difference, Direction(**isolated) if isolated else None, *map_files(file))


def _is_up_to_date(results: Results) -> bool:
    folder = results.folder
    named = {name for cell in results.cells for name in (cell.file, cell.diff_file, cell.heat_file) if name}
    made = (results.grid, results.diff_grid, results.report, folder / RESULTS_CSV, *(folder / name for name in named))
    try:
        written = (folder / RESULTS_JSON).stat().st_mtime_ns
        return all(path.stat().st_mtime_ns <= written for path in made)
    except OSError:
        return False
