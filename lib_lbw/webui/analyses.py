"""What earlier analyses found: chosen from a list, told in a sentence, as a diagram and as their grids."""

from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from lib_lbw.analysis.files import read_image
from lib_lbw.analysis.run import read_results
from lib_lbw.errors import LbwError
from lib_lbw.lora.file import LoraFile
from lib_lbw.ui.compat import gallery_buttons, quick
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.folders import earlier, find_folder
from lib_lbw.ui.i18n import Translate
from lib_lbw.ui.markup import element, escape
from lib_lbw.ui.messages import error_message
from lib_lbw.ui.outcome import STRONGEST, Outcome, outcome, summary
from lib_lbw.ui.results_view import figure

_LARGEST = 4096  # pixels on a side that a browser shows without trouble


def analyses(folder: Path, desk: Desk, translate: Translate) -> None:
    """Build the list and its views inside an open container. `folder` holds one folder for each analysis."""

    def show(name: str | None) -> list[Any]:
        return shown(folder, name or "", desk, translate)

    def relist() -> Any:
        return gr.update(choices=earlier(folder))

    with gr.Row():
        names = gr.Dropdown(
            label=translate("Earlier analyses"),
            choices=earlier(folder),
            value=None,
            interactive=True,
            allow_custom_value=True,
            elem_id="lbw-analyses",
        )
    told = gr.HTML(elem_id="lbw-analysis-told")
    with gr.Row():
        with gr.Column(scale=4, min_width=280):
            drawing = gr.HTML(elem_id="lbw-analysis-effect")
        with gr.Column(scale=6, min_width=280):
            grids = gr.Gallery(show_label=False, columns=1, elem_id="lbw-analysis-grids", **gallery_buttons())
    names.focus(relist, None, names, **quick())
    names.change(show, names, [told, drawing, grids], **quick())


def shown(folder: Path, name: str, desk: Desk, translate: Translate) -> list[Any]:
    """Return sentence, diagram and grids of an analysis; a fault in place of the sentence."""
    if not name:
        return ["", "", []]
    try:
        results = read_results(find_folder(folder, name))
        file = desk.file(results.plan.lora) if results.plan.lora in desk.loras() else None
        found = outcome(results, tuple(file.blocks) if file else None)
        pictures = [_small(read_image(path)) for path in (results.grid, results.diff_grid)]
    except (LbwError, OSError) as error:
        fault = error if isinstance(error, LbwError) else LbwError("{reason}", reason=error)
        return [error_message(fault, translate), "", []]
    sentence = element("p", escape(summary(found, translate))) + element("p", escape(results.folder))
    return [element("div", sentence, class_="lbw-message lbw-info"), _drawn(found, file, translate), pictures]


def _drawn(found: Outcome, file: LoraFile | None, translate: Translate) -> str:
    """Return the diagram coloured by effect; nothing for a plot without blocks, or a LoRA that is gone."""
    if file is None or not found.blocks:
        return ""
    return figure(found, STRONGEST, file.family, translate)


def _small(image: Image.Image) -> Image.Image:
    image.thumbnail((_LARGEST, _LARGEST))
    return image
