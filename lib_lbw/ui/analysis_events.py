"""Events of the Analyze tab: the form, the job, the analysis that is shown."""

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
from lib_lbw.ui.folders import find_folder
from lib_lbw.ui.form import Form
from lib_lbw.ui.header import Header
from lib_lbw.ui.i18n import translator
from lib_lbw.ui.prompt_panel import PromptPanel, picture_of
from lib_lbw.ui.results_view import nothing, views
from lib_lbw.ui.switches import switched
from lib_lbw.ui.tags import lora_names
from lib_lbw.ui.workbench import Workbench

_Values = dict[Any, Any]
_ENDED = "(name) => { document.dispatchEvent(new CustomEvent('lbw-run', { detail: name })); }"


class AnalysisEvents:
    """The handlers of the tab. Gradio hands them the values of the components by component."""

    def __init__(self, bench: Workbench, header: Header, prompt: PromptPanel, panel: AnalysisPanel) -> None:
        self._bench = bench
        self._header = header
        self._prompt = prompt
        self._panel = panel

    def wire(self, page: gr.Blocks) -> None:
        """Tie the handlers to their events."""
        panel, results, quick = self._panel, self._panel.results, compat.quick()
        fields = [self._header.language, self._prompt.prompt, *panel.form.all, *self._prompt.settings]
        told: dict[str, Any] = {"inputs": set(fields), "outputs": [panel.form.lora, panel.plan], **quick}
        panel.form.wire()
        for component in fields:
            component.change(self.describe, **told)
        page.load(self.describe, **told)
        panel.tab.select(self.describe, **told)
        values = {*fields, results.run}
        job = [panel.status, panel.live, results.run, *results.shown]
        for button, handler in ((panel.run, self.run), (results.go_on, self.go_on)):
            begun = button.click(partial(switched, True, 2), None, panel.buttons, **quick)
            done = begun.then(handler, values, job, **compat.long_job(panel.status))
            done.then(None, results.run, None, **compat.script(_ENDED))
            done.then(partial(switched, False, 2), None, panel.buttons, **quick).then(self.describe, **told)
        panel.stop.click(self.stop, None, None, **quick)
        results.run.change(self.open, results.run, results.shown, **quick)

    def describe(self, values: _Values) -> list[Any]:
        """Return the LoRAs of the prompt to choose from, and what the form asks for in a sentence."""
        form = self._form(values)
        names = lora_names(form.prompt)
        chosen = form.lora if form.lora in names else (names[0] if names else None)
        translate = translator(values[self._header.language])
        lora = gr.update(choices=names, value=chosen, visible=len(names) > 1)
        return [lora, describe(self._bench, form.with_lora(chosen), translate)]

    def run(self, values: _Values, request: gr.Request, progress: gr.Progress = compat.PROGRESS) -> Iterator[list[Any]]:
        """Analyse what the form asks for, in a new folder."""
        form = self._form(values)
        yield from self._job(values, request, progress).new(lambda: plan_of(self._bench, form))

    def go_on(
        self, values: _Values, request: gr.Request, progress: gr.Progress = compat.PROGRESS
    ) -> Iterator[list[Any]]:
        """Draw what is missing of the analysis on the page."""
        yield from self._job(values, request, progress).resumed(values[self._panel.results.run])

    def stop(self, request: gr.Request) -> None:
        """Stop the page's job."""
        self._bench.desk.stop(compat.owner(request))

    def open(self, name: str) -> list[Any]:
        """Show what belongs to the analysis that the results panel shows; the panel tells what is wrong with it."""
        try:
            return views(read_results(find_folder(self._bench.results, name)))
        except LbwError:
            return nothing()

    def _form(self, values: _Values) -> Form:
        picture = picture_of(self._bench.session.settings, *(values[each] for each in self._prompt.settings))
        return self._panel.form.read(values, values[self._prompt.prompt], picture)

    def _job(self, values: _Values, request: gr.Request, progress: gr.Progress) -> AnalysisJob:
        translate = translator(values[self._header.language])
        return AnalysisJob(self._bench, compat.owner(request), translate, progress)
