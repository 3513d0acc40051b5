"""The Analyze tab: a form, what it will take, how far it is, and the results."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_lbw.ui.analysis_form import FormFields, analysis_form
from lib_lbw.ui.compat import element_id, gallery_buttons, picture_buttons, picture_format, table_height
from lib_lbw.ui.labels import Labels
from lib_lbw.ui.outcome import NUMBERS


@dataclass(frozen=True)
class ResultViews:
    """What shows the results.

    `shown` is a state: the `Outcome` on the page, or None. `effect` is the box around the diagram.
    """

    box: Any
    go_on: Any
    shown: Any
    number: Any
    summary: Any
    figure: Any
    table: Any
    pictures: Any
    grid: Any
    diff_grid: Any
    files: Any
    effect: Any

    @property
    def words(self) -> list[Any]:
        """The views with words, in the order of `results_view.words`."""
        return [self.summary, self.figure, self.table, self.pictures]

    @property
    def all(self) -> list[Any]:
        """Every view, in the order of `results_view.everything`."""
        return [self.box, self.go_on, self.shown, *self.words, self.grid, self.diff_grid, self.files, self.effect]


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
    earlier: Any
    results: ResultViews

    @property
    def buttons(self) -> list[Any]:
        """The buttons that a job switches on and off."""
        return [self.run, self.results.go_on, self.stop]


def analysis_panel(labels: Labels, tab: Any) -> AnalysisPanel:
    """Build the panel inside `tab`, which is open."""
    form, earlier = analysis_form(labels)
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
    return AnalysisPanel(tab, form, plan, run, stop, status, live, earlier, _results(labels, go_on))


def _results(labels: Labels, go_on: Any) -> ResultViews:
    with gr.Column(visible=False, elem_id=element_id("results")) as box:
        shown = gr.State(None)
        summary = gr.HTML(elem_id=element_id("summary"))
        with gr.Tabs():
            with labels.new(gr.Tab, {"label": "Effect"}), gr.Row(elem_classes="lbw-effect"):
                with gr.Column(scale=4, min_width=280, elem_id=element_id("effect-panel")) as effect:
                    number = labels.new(
                        gr.Dropdown,
                        {
                            "label": "Coloured by",
                            "choices": [(heading, name) for name, (heading, _) in NUMBERS.items()],
                        },
                        value="diff_percent",
                        elem_id=element_id("number"),
                    )
                    figure = gr.HTML(elem_id=element_id("effect"))
                with gr.Column(scale=6, min_width=280):
                    table = gr.Dataframe(interactive=False, elem_id=element_id("table"), **table_height(520))
            with labels.new(gr.Tab, {"label": "Grid"}), gr.Row():
                grid = _image("grid")
                diff_grid = _image("diff-grid")
            with labels.new(gr.Tab, {"label": "Pictures and differences"}):
                pictures = gr.Gallery(
                    columns=4, height=640, show_label=False, elem_id=element_id("pictures"), **gallery_buttons()
                )
            with labels.new(gr.Tab, {"label": "Files"}):
                files = labels.new(
                    gr.File,
                    {"label": "Report, grids and numbers"},
                    file_count="multiple",
                    interactive=False,
                    elem_id=element_id("files"),
                )
    return ResultViews(box, go_on, shown, number, summary, figure, table, pictures, grid, diff_grid, files, effect)


def _image(name: str) -> Any:
    return gr.Image(
        type="filepath",
        interactive=False,
        show_label=False,
        elem_id=element_id(name),
        **picture_format("png"),
        **picture_buttons(),
    )
