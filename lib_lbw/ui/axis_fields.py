"""The fields of one axis of an X/Y/Z plot: what it changes, and the values it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_lbw.analysis.axes import KINDS
from lib_lbw.ui.compat import element_id
from lib_lbw.ui.labels import Labels

#: Kind of an axis -> an example of its values, shown while the field is empty.
EXAMPLES: Mapping[str, str] = {
    "none": "",
    "values": "0,0.5,1",
    "Block ID": "IN04,MID,OUT03-OUT05",
    "seed": "1,2,10-13",
    "Original Weights": "INALL,OUTALL",
    "elements": "IN04:attn1:0",
    "presets": "INALL,MIDD,OUTALL",
}


@dataclass(frozen=True)
class AxisFields:
    """The components of one axis."""

    kind: Any
    values: Any


def axis_fields(labels: Labels, name: str, kind: str, values: str) -> AxisFields:
    """Build the row of the axis `name` ("X", "Y" or "Z"), set to `kind` and `values`, inside an open container."""
    with gr.Row(elem_classes="lbw-pair"):
        kinds = labels.new(
            gr.Dropdown,
            {"label": f"{name} axis", "choices": [(each, each) for each in KINDS]},
            value=kind,
            scale=1,
            min_width=140,
            elem_id=element_id(f"axis-{name.lower()}"),
        )
        field = labels.new(
            gr.Textbox,
            {"label": f"{name} values"},
            values,
            scale=2,
            min_width=140,
            elem_id=element_id(f"values-{name.lower()}"),
            placeholder=EXAMPLES[kind],
            visible=kind != "none",
        )
    return AxisFields(kinds, field)


def values_update(kind: str) -> Any:
    """Return the update of the field of values for an axis of `kind`: its example, and nothing to fill in for none."""
    return gr.update(placeholder=EXAMPLES[kind], visible=kind != "none")
