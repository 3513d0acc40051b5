"""The Generate tab: one button, the picture without and with the LoRA, and what made it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_lbw.ui.compat import copyable, element_id, picture_buttons, picture_format
from lib_lbw.ui.labels import Labels

_PICTURE_HEIGHT = 400


@dataclass(frozen=True)
class GeneratePanel:
    """The components of the panel."""

    run: Any
    stop: Any
    compare: Any
    status: Any
    plain: Any
    weighted: Any
    parameters: Any

    @property
    def outputs(self) -> list[Any]:
        """What a generation fills: status, plain picture, weighted picture, parameters."""
        return [self.status, self.plain, self.weighted, self.parameters]


def generate_panel(labels: Labels) -> GeneratePanel:
    """Build the panel inside the open tab."""
    with gr.Row(elem_classes="lbw-actions"):
        run = labels.new(gr.Button, {"value": "Generate"}, variant="primary", elem_id=element_id("generate"))
        stop = labels.new(gr.Button, {"value": "Cancel"}, interactive=False, elem_id=element_id("generate-stop"))
        compare = labels.new(
            gr.Checkbox, {"label": "Compare with no LoRA"}, True, container=False, elem_id=element_id("compare")
        )
    status = gr.HTML(elem_id=element_id("generate-status"), elem_classes="lbw-status")
    with gr.Row(elem_classes="lbw-pictures"):
        plain = _picture(labels, "Without LoRA", "plain")
        weighted = _picture(labels, "With LoRA", "weighted")
    parameters = labels.new(
        gr.Textbox,
        {"label": "Generation parameters"},
        lines=2,
        max_lines=6,
        interactive=False,
        elem_id=element_id("parameters"),
        **copyable(),
    )
    return GeneratePanel(run, stop, compare, status, plain, weighted, parameters)


def _picture(labels: Labels, label: str, name: str) -> Any:
    return labels.new(
        gr.Image,
        {"label": label},
        type="pil",
        interactive=False,
        height=_PICTURE_HEIGHT,
        min_width=140,
        elem_id=element_id(name),
        **picture_format("png"),
        **picture_buttons(),
    )
