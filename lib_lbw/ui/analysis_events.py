"""Events of the Analyze tab: the form, the job, earlier results."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from lib_lbw.analysis.run import read_results
from lib_lbw.errors import LbwError
from lib_lbw.ui import compat
from lib_lbw.ui.analysis_job import AnalysisJob
from lib_lbw.ui.analysis_panel import AnalysisPanel
from lib_lbw.ui.analyze import describe, plan_of
from lib_lbw.ui.folders import earlier, find_folder
from lib_lbw.ui.form import Form
from lib_lbw.ui.header import Header
from lib_lbw.ui.i18n import translator
from lib_lbw.ui.messages import error_message
from lib_lbw.ui.outcome import Outcome, outcome
from lib_lbw.ui.prompt_panel import PromptPanel, picture_of
from lib_lbw.ui.results_view import VIEWS, everything, figure, words
from lib_lbw.ui.switches import switched
from lib_lbw.ui.tags import lora_names
from lib_lbw.ui.workbench import Workbench

_Values = dict[Any, Any]


class AnalysisEvents:
    """The handlers of the tab. Gradio hands them the values of the components by component."""

    def __init__(self, bench: Workbench, header: Header, prompt: PromptPanel, panel: AnalysisPanel) -> None:
        self._bench = bench
        self._header = header
        self._prompt = prompt
        self._panel = panel

    def wire(self, page: gr.Blocks) -> None:
        """Tie the handlers to their events."""
        panel, views, quick = self._panel, self._panel.results, compat.quick()
        fields = [self._header.language, self._prompt.prompt, *panel.form.all, *self._prompt.settings]
        told: dict[str, Any] = {"inputs": set(fields), "outputs": [panel.form.lora, panel.plan], **quick}
        panel.form.wire()
        for component in fields:
            component.change(self.describe, **told)
        page.load(self.describe, **told)
        panel.tab.select(self.describe, **told)
        page.load(self.list_earlier, None, panel.earlier, **quick)
        values = {*fields, views.number, views.shown}
        job = [panel.status, panel.live, panel.earlier, *views.all]
        for button, handler in ((panel.run, self.run), (views.go_on, self.go_on)):
            begun = button.click(partial(switched, True, 2), None, panel.buttons, **quick)
            done = begun.then(handler, values, job, **compat.long_job(panel.status))
            done.then(partial(switched, False, 2), None, panel.buttons, **quick).then(self.describe, **told)
        panel.stop.click(self.stop, None, None, **quick)
        shown = [panel.status, *views.all]
        panel.earlier.input(self.open, {*values, panel.earlier}, shown, **compat.long_job(panel.status))
        worded = [self._header.language, views.shown, views.number]
        views.number.change(self.recolour, worded, views.figure, **quick)
        self._header.language.change(self.reword, worded, views.words, **quick)

    def describe(self, values: _Values) -> list[Any]:
        """Return the LoRAs of the prompt to choose from, and what the form asks for in a sentence."""
        form = self._form(values)
        names = lora_names(form.prompt)
        chosen = form.lora if form.lora in names else (names[0] if names else None)
        translate = translator(values[self._header.language])
        lora = gr.update(choices=names, value=chosen, visible=len(names) > 1)
        return [lora, describe(self._bench, form.with_lora(chosen), translate)]

    def list_earlier(self) -> Any:
        """Return the earlier analyses to choose from."""
        return gr.update(choices=earlier(self._bench.results), value=None)

    def run(self, values: _Values, request: gr.Request, progress: gr.Progress = compat.PROGRESS) -> Iterator[list[Any]]:
        """Analyse what the form asks for, in a new folder."""
        form = self._form(values)
        yield from self._job(values, request, progress).new(lambda: plan_of(self._bench, form))

    def go_on(
        self, values: _Values, request: gr.Request, progress: gr.Progress = compat.PROGRESS
    ) -> Iterator[list[Any]]:
        """Draw what is missing of the analysis on the page."""
        shown: Outcome = values[self._panel.results.shown]
        yield from self._job(values, request, progress).resumed(shown.folder)

    def stop(self, request: gr.Request) -> None:
        """Stop the page's job."""
        self._bench.desk.stop(compat.owner(request))

    def open(self, values: _Values) -> list[Any]:
        """Show an earlier analysis."""
        translate = translator(values[self._header.language])
        try:
            folder = find_folder(self._bench.results, values[self._panel.earlier] or "")
            results = read_results(folder)
        except LbwError as error:
            return [error_message(error, translate), *[gr.update()] * VIEWS]
        shown = outcome(results, self._bench.present(results.plan.lora))
        drawn = everything(shown, values[self._panel.results.number], self._bench.session.host.family, translate)
        return ["", *drawn]

    def recolour(self, language: str, shown: Outcome | None, number: str) -> Any:
        """Return the diagram by another number."""
        family = self._bench.session.host.family
        return gr.update() if shown is None else figure(shown, number, family, translator(language))

    def reword(self, language: str, shown: Outcome | None, number: str) -> list[Any]:
        """Return the results in another language."""
        return words(shown, number, self._bench.session.host.family, translator(language))

    def _form(self, values: _Values) -> Form:
        picture = picture_of(self._bench.session.settings, *(values[each] for each in self._prompt.settings))
        return self._panel.form.read(values, values[self._prompt.prompt], picture)

    def _job(self, values: _Values, request: gr.Request, progress: gr.Progress) -> AnalysisJob:
        translate = translator(values[self._header.language])
        number = values[self._panel.results.number]
        return AnalysisJob(self._bench, compat.owner(request), number, translate, progress)
