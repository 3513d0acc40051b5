"""The form of the Analyze tab: blocks one by one, or an X/Y/Z plot, and the options of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_lbw.analysis.axes import Axis
from lib_lbw.hosts.base import Picture
from lib_lbw.ui.axis_fields import AxisFields, axis_fields, values_update
from lib_lbw.ui.compat import element_id, quick
from lib_lbw.ui.form import Form
from lib_lbw.ui.labels import Labels

PLOT = "xyz"
"""The value of the switch that asks for an X/Y/Z plot."""


@dataclass(frozen=True)
class FormFields:
    """The components of the form; `plot` is the box around `axes`, of which there are three."""

    mode: Any
    lora: Any
    blocks: Any
    range: Any
    seeds: Any
    plot: Any
    axes: tuple[AxisFields, ...]
    inverse: Any
    threshold: Any
    swap_axes: Any
    diff_color: Any

    @property
    def all(self) -> list[Any]:
        """Every field."""
        axes = [field for axis in self.axes for field in (axis.kind, axis.values)]
        options = [self.inverse, self.threshold, self.swap_axes, self.diff_color]
        return [self.mode, self.lora, self.blocks, self.range, self.seeds, *axes, *options]

    def wire(self) -> None:
        """Let the switch show the fields of its choice, and each kind of axis an example of its values."""
        self.mode.change(shown_fields, self.mode, [self.blocks, self.range, self.inverse, self.plot], **quick())
        for axis in self.axes:
            axis.kind.change(values_update, axis.kind, axis.values, **quick())

    def read(self, values: Mapping[Any, Any], prompt: str, picture: Picture) -> Form:
        """Return what the form asks for, from the values of the components."""
        x, y, z = (Axis(values[axis.kind], values[axis.values]) for axis in self.axes)
        return Form(
            prompt=prompt,
            lora=values[self.lora],
            blocks=values[self.blocks],
            range=values[self.range],
            seeds=values[self.seeds],
            inverse=values[self.inverse],
            threshold=values[self.threshold],
            picture=picture,
            axes=(x, y, z) if values[self.mode] == PLOT else None,
            swap_axes=values[self.swap_axes],
            diff_color=values[self.diff_color],
        )


def shown_fields(mode: str) -> list[Any]:
    """Return the updates of Blocks, Range, Inverse and the box of the axes for a choice of the switch."""
    plot = mode == PLOT
    return [*[gr.update(visible=not plot)] * 3, gr.update(visible=plot)]


def analysis_form(labels: Labels) -> FormFields:
    """Build the form inside an open container; return its fields."""
    mode = labels.new(
        gr.Radio,
        {"label": "Kind of analysis", "choices": [("Blocks one by one", "blocks"), ("X/Y/Z plot", PLOT)]},
        value="blocks",
        container=False,
        show_label=False,
        elem_id=element_id("mode"),
    )
    with gr.Row(elem_classes="lbw-form"):
        lora = _list(labels, "LoRA", "study-lora")
        blocks = _text(labels, "Blocks", "ALL", "ALL, or IN04,OUT03-OUT05,MID", "blocks", scale=3)
        span = _text(labels, "Range", "0,1", "0,1", "range", scale=1)
        seeds = _text(labels, "Seeds", "", "as set", "seeds", scale=2)
    with gr.Column(visible=False, elem_id=element_id("plot")) as plot:
        axes = (
            axis_fields(labels, "X", "values", "0,0.5,1"),
            axis_fields(labels, "Y", "none", ""),
            axis_fields(labels, "Z", "none", ""),
        )
    with labels.new(gr.Accordion, {"label": "Options"}, open=False, elem_id=element_id("options")):
        with gr.Row(elem_classes="lbw-pair"):
            inverse = _check(labels, "Inverse", "All blocks off, one at a time on", "inverse")
            swap = _check(labels, "Swapped axes", "Blocks along the top, or X and Y exchanged", "swap-axes")
            color = _text(labels, "Colour behind the differences", "black", "black, white or #rrggbb", "color", scale=1)
        with gr.Row(elem_classes="lbw-pair"):
            threshold = labels.new(
                gr.Slider,
                {"label": "Threshold of Changed %"},
                0,
                255,
                20,
                step=1,
                scale=2,
                elem_id=element_id("threshold"),
            )
    return FormFields(mode, lora, blocks, span, seeds, plot, axes, inverse, threshold, swap, color)


def _check(labels: Labels, label: str, info: str, name: str) -> Any:
    return labels.new(gr.Checkbox, {"label": label, "info": info}, False, elem_id=element_id(name))


def _text(labels: Labels, label: str, value: str, placeholder: str, name: str, *, scale: int) -> Any:
    words = {"label": label, "placeholder": placeholder}
    return labels.new(gr.Textbox, words, value, scale=scale, min_width=90, elem_id=element_id(name))


def _list(labels: Labels, label: str, name: str) -> Any:
    return labels.new(
        gr.Dropdown,
        {"label": label},
        choices=[],
        allow_custom_value=True,
        scale=2,
        min_width=140,
        elem_id=element_id(name),
    )
