"""The Analyze tab: a form, what it will take, how far it is, and the results."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_lbw.ui.analysis_form import FormFields, analysis_form
from lib_lbw.ui.bridge import panel_place
from lib_lbw.ui.compat import element_id, gallery_buttons, picture_buttons, picture_format
from lib_lbw.ui.labels import Labels


@dataclass(frozen=True)
class ResultViews:
    """What belongs to the analysis that the results panel shows, and is not drawn by the panel.

    `run` holds the analysis' name: the panel writes it when another one is opened, a job when it ends.
    """

    run: Any
    box: Any
    go_on: Any
    grid: Any
    diff_grid: Any
    files: Any

    @property
    def shown(self) -> list[Any]:
        """What shows the analysis, in the order of `results_view.views`."""
        return [self.box, self.go_on, self.grid, self.diff_grid, self.files]


@dataclass(frozen=True)
class AnalysisPanel:
    """The components of the panel."""

    tab: Any
    form: FormFields
    plan: Any
    run: Any
    stop: Any
    status: Any
    live: Any
    results: ResultViews

    @property
    def buttons(self) -> list[Any]:
        """The buttons that a job switches on and off."""
        return [self.run, self.results.go_on, self.stop]


def analysis_panel(labels: Labels, tab: Any) -> AnalysisPanel:
    """Build the panel inside `tab`, which is open."""
    form = analysis_form(labels)
    with gr.Row(elem_classes="lbw-actions"):
        run = labels.new(gr.Button, {"value": "Analyze"}, variant="primary", elem_id=element_id("analyze"))
        stop = labels.new(gr.Button, {"value": "Cancel"}, interactive=False, elem_id=element_id("analyze-stop"))
        go_on = labels.new(gr.Button, {"value": "Continue"}, visible=False, elem_id=element_id("analyze-continue"))
        plan = gr.HTML(elem_id=element_id("plan"))
    status = gr.HTML(elem_id=element_id("analyze-status"), elem_classes="lbw-status")
    live = labels.new(
        gr.Gallery,
        {"label": "Pictures so far"},
        columns=6,
        object_fit="contain",
        height="auto",
        visible=False,
        elem_id=element_id("live"),
        **picture_format("png"),
        **gallery_buttons(),
    )
    return AnalysisPanel(tab, form, plan, run, stop, status, live, _results(labels, go_on))


def _results(labels: Labels, go_on: Any) -> ResultViews:
    panel_place("results")
    run = gr.Textbox(show_label=False, elem_id=element_id("run"), elem_classes=["lbw-hidden"])
    with gr.Column(visible=False, elem_id=element_id("results")) as box, gr.Tabs():
        with labels.new(gr.Tab, {"label": "Grid"}), gr.Row():
            grid = _image("grid")
            diff_grid = _image("diff-grid")
        with labels.new(gr.Tab, {"label": "Files"}):
            files = labels.new(
                gr.File,
                {"label": "Report, grids and numbers"},
                file_count="multiple",
                interactive=False,
                elem_id=element_id("files"),
            )
    return ResultViews(run, box, go_on, grid, diff_grid, files)


def _image(name: str) -> Any:
    return gr.Image(
        type="filepath",
        interactive=False,
        show_label=False,
        elem_id=element_id(name),
        **picture_format("png"),
        **picture_buttons(),
    )
