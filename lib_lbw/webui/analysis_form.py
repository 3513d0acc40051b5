"""The controls of the selectable script, in the order in which `arguments` reads them."""

from typing import Any

import gradio as gr

from lib_lbw.analysis.axes import KINDS
from lib_lbw.ui.axis_fields import EXAMPLES
from lib_lbw.ui.compat import quick
from lib_lbw.webui.arguments import BLOCKS, KIND_NAMES, MARK, PLOT
from lib_lbw.webui.controls import Ids, hidden, unsaved

_COLOURS = ("black", "white")


def analysis_form(ids: Ids) -> list[Any]:
    """Build the form inside the open container and return its controls."""
    with gr.Row():
        kind = unsaved(gr.Radio(list(KIND_NAMES), label="Analysis", value=BLOCKS, elem_id=ids("kind")))
        lora = gr.Textbox(
            label="LoRA",
            value="",
            placeholder="the only one, or the one with lbw=XYZ",
            elem_id=ids("lora"),
            max_lines=1,
        )
        seeds = gr.Textbox(label="Seeds", value="", placeholder="as set", elem_id=ids("seeds"))
    with gr.Row() as block_fields:
        blocks = gr.Textbox(
            label="Blocks", value="ALL", placeholder="ALL, or IN04,OUT03-OUT05,MID", elem_id=ids("blocks")
        )
        span = gr.Textbox(label="Range: block, others", value="0,1", placeholder="0,1", elem_id=ids("range"))
        inverse = gr.Checkbox(label="Inverse: all blocks off, one at a time on", value=False, elem_id=ids("inverse"))
    with gr.Column(visible=False) as plot_fields:
        axes = [
            *_axis(ids, "X", "values", "0,0.5,1"),
            *_axis(ids, "Y", "none", ""),
            *_axis(ids, "Z", "none", ""),
        ]
    with gr.Row():
        threshold = gr.Slider(0, 255, 20, step=1, label="Threshold of Changed %", elem_id=ids("threshold"))
        color = gr.Dropdown(
            list(_COLOURS), value="black", label="Colour behind the differences", elem_id=ids("color"),
            allow_custom_value=True,
        )  # fmt: skip
        swap = gr.Checkbox(label="Swapped axes", value=False, elem_id=ids("swap"))
    kind.change(_shown, kind, [block_fields, plot_fields], **quick())
    names = ("presets of a request", "active of a request", "seeds of a request", "elements of a request")
    presets, active, count, elements = (hidden(f"Analysis: {name}") for name in names)
    others = [hidden(f"Analysis: place {place}") for place in (16, 17)]
    mark = hidden("Analysis: mark", MARK)
    tail = [elements, *others, mark, lora, seeds, inverse]
    return [presets, active, kind, *axes, span, blocks, count, color, threshold, swap, *tail]


def _axis(ids: Ids, name: str, kind: str, values: str) -> list[Any]:
    with gr.Row():
        kinds = gr.Dropdown(list(KINDS), value=kind, label=f"{name} axis", elem_id=ids(f"axis-{name.lower()}"))
        field = gr.Textbox(
            label=f"{name} axis values", value=values, placeholder=EXAMPLES[kind], elem_id=ids(f"values-{name.lower()}")
        )
    kinds.change(_example, kinds, field, **quick())
    return [kinds, field]


def _example(kind: str) -> Any:
    return gr.update(placeholder=EXAMPLES[kind])


def _shown(kind: str) -> list[Any]:
    return [gr.update(visible=kind == BLOCKS), gr.update(visible=kind == PLOT)]
