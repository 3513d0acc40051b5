"""Questions of the results panel: which analyses there are, one of them, its pictures, and the bin."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from lib_lbw.analysis.results import CellResult, Results
from lib_lbw.analysis.run import read_results
from lib_lbw.analysis.stored import RESULTS_JSON
from lib_lbw.errors import AnalysisError, LbwError
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.folders import earlier, find_folder
from lib_lbw.ui.results.runs import BIN, delete_run, list_runs, restore_run
from lib_lbw.ui.results.small import LARGEST, THUMBNAIL, data_url
from lib_lbw.ui.results.told import Telling

MOST = 24
"""So many pictures are answered at once."""

_FILES: dict[str, Callable[[CellResult], str | None]] = {
    "picture": lambda result: result.file,
    "diff": lambda result: result.diff_file,
    "heat": lambda result: result.heat_file,
}


def show_list(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the analyses, the newest first, and the names of those in the bin."""
    if desk.analyses is None:
        return {"runs": [], "bin": []}
    runs = [
        {**run, "fault": run["fault"].localized(question.translate)} if "fault" in run else run
        for run in list_runs(desk.analyses)
    ]
    return {"runs": runs, "bin": earlier(desk.analyses / BIN)}


def show_run(desk: Desk, question: Question) -> dict[str, Any]:
    """Return one analysis by `name`, all but its pictures. Raises AnalysisError for none, or one that is broken."""
    results = _results(desk, question)
    return Telling(results, _file(desk, results.plan.lora), question.translate).to_json()


def pictures(desk: Desk, question: Question) -> dict[str, Any]:
    """Return pictures of the analysis `name` as data URLs, by "CELL WHAT".

    `wanted`: at most `MOST` such texts, WHAT being picture, diff or heat. What is not drawn is left out. `large`: true
    for whole pictures, else small ones. Raises AnalysisError for an analysis, LbwError for a text that is none.
    """
    results, wanted = _results(desk, question), question.values.get("wanted")
    if not isinstance(wanted, list) or len(wanted) > MOST or not all(isinstance(each, str) for each in wanted):
        raise LbwError("the question needs at most {count} pictures called 'wanted'", count=MOST)
    side = LARGEST if question.values.get("large") is True else THUMBNAIL
    files = {each: _wanted(results, each) for each in wanted}
    try:
        return {"pictures": {each: data_url(file, side) for each, file in files.items() if file is not None}}
    except OSError as error:
        raise AnalysisError("a picture cannot be read: {reason}", reason=error.strerror or error) from None


def delete(desk: Desk, question: Question) -> dict[str, Any]:
    """Move the analysis `name` into the bin; `bin` is its name there."""
    return {"bin": delete_run(_root(desk), question.text("name"))}


def restore(desk: Desk, question: Question) -> dict[str, Any]:
    """Move the analysis that is called `name` in the bin back; `name` is its name now."""
    return {"name": restore_run(_root(desk), question.text("name"))}


def _root(desk: Desk) -> Path:
    if desk.analyses is None:
        raise AnalysisError("there are no analyses here")
    return desk.analyses


def _results(desk: Desk, question: Question) -> Results:
    folder = find_folder(_root(desk), question.text("name"))
    return _read(folder, _stamp(folder))


def _stamp(folder: Path) -> int:
    try:
        return (folder / RESULTS_JSON).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _read(folder: Path, stamp: int) -> Results:
    """Return the results as they were at `stamp`: a list asks for its pictures again and again."""
    return read_results(folder)


def _file(desk: Desk, name: str) -> Any:
    """Return the LoRA's file; None for one that is gone or cannot be read: the results are there all the same."""
    try:
        return desk.file(name)
    except LbwError:
        return None


def _wanted(results: Results, text: str) -> Path | None:
    cell, _, what = text.partition(" ")
    if not cell.isdecimal() or int(cell) >= len(results.cells) or what not in _FILES:
        raise LbwError("there is no picture called {text!r}", text=text)
    name = _FILES[what](results.cells[int(cell)])
    return None if name is None else results.folder / name


ANSWERS = {
    "results.list": show_list,
    "results.show": show_run,
    "results.pictures": pictures,
    "results.delete": delete,
    "results.restore": restore,
}
