"""What the Analyze tab shows of results beside the results panel, as the updates of its components."""

from typing import Any

import gradio as gr

from lib_lbw.analysis.results import Results
from lib_lbw.analysis.stored import RESULTS_CSV, RESULTS_JSON

VIEWS = 5
"""How many components show results: the box, Continue, two grids, the files."""


def views(results: Results) -> list[Any]:
    """Return the updates for results, in the order of `ResultViews.shown`."""
    made = [
        results.report,
        results.grid,
        results.diff_grid,
        results.folder / RESULTS_CSV,
        results.folder / RESULTS_JSON,
    ]
    more = gr.update(visible=not results.complete)
    return [gr.update(visible=True), more, str(results.grid), str(results.diff_grid), [str(file) for file in made]]


def nothing() -> list[Any]:
    """Return the updates when no analysis is shown."""
    return [gr.update(visible=False), gr.update(visible=False), None, None, None]
