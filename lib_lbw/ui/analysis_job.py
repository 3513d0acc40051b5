"""One analysis on the page: buttons, progress, pictures as they come, and the results at the end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.journal import read_plan
from lib_lbw.analysis.results import Results
from lib_lbw.analysis.run import Progress
from lib_lbw.errors import LbwError
from lib_lbw.ui.analyze import Step, analyze
from lib_lbw.ui.folders import find_folder, new_folder
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.messages import error_message
from lib_lbw.ui.outcome import cell_labels
from lib_lbw.ui.pace import duration
from lib_lbw.ui.results_view import VIEWS, views
from lib_lbw.ui.workbench import Workbench

_THUMBNAIL = (256, 256)


@dataclass(frozen=True)
class AnalysisJob:
    """Yields lists of updates: status, live pictures, the name of the analysis, and the views of its results."""

    bench: Workbench
    owner: str
    translate: Translate
    progress: gr.Progress

    def new(self, make_plan: Callable[[], AnalysisPlan]) -> Iterator[list[Any]]:
        """Analyse in a new folder; a plan that cannot be made is told as a message."""

        def begin() -> tuple[AnalysisPlan, Path]:
            plan = make_plan()
            return plan, new_folder(self.bench.results, plan.lora, datetime.now())

        return self._updates(begin)

    def resumed(self, name: str) -> Iterator[list[Any]]:
        """Go on with the analysis of this name."""

        def begin() -> tuple[AnalysisPlan, Path]:
            folder = find_folder(self.bench.results, name)
            return read_plan(folder), folder

        return self._updates(begin)

    def _updates(self, begin: Callable[[], tuple[AnalysisPlan, Path]]) -> Iterator[list[Any]]:
        yield self._update(live=gr.update(value=[], visible=True))
        self.progress(0.0, desc=self.translate("Preparing"))
        try:
            plan, folder = begin()
            yield from self._follow(plan, folder)
        except LbwError as error:
            yield self._update(status=error_message(error, self.translate), live=gr.update(visible=False))

    def _follow(self, plan: AnalysisPlan, folder: Path) -> Iterator[list[Any]]:
        thumbnails: list[tuple[Image.Image, str]] = []
        names = {cell.name: ", ".join(map(self.translate, cell_labels(plan, cell))) for cell in plan.cells}
        for event in analyze(self.bench, self.owner, plan, folder):
            if isinstance(event, Step):
                left = duration(event.seconds_left, self.translate)
                self.progress(event.share, desc=say(self.translate, "{time} left", time=left))
            elif isinstance(event, Progress) and event.image is not None:
                small = event.image.copy()
                small.thumbnail(_THUMBNAIL)
                thumbnails.append((small, names[event.label]))
                yield self._update(live=gr.update(value=list(thumbnails)))
            elif isinstance(event, Results):
                yield self._finished(event)

    def _finished(self, results: Results) -> list[Any]:
        done = gr.update(value=[], visible=False)
        return self._update(live=done, run=results.folder.name, shown=views(results))

    def _update(
        self, *, status: str = "", live: Any = None, run: str | None = None, shown: list[Any] | None = None
    ) -> list[Any]:
        """Return the updates of everything; what is None stays as it is."""
        return [status, live or gr.update(), run or gr.update(), *(shown or [gr.update()] * VIEWS)]
