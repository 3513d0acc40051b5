"""The hidden components through which the panels of the page ask Python; one set for a page."""

import gradio as gr

from lib_lbw.ui import compat
from lib_lbw.ui.door.door import Door

_HEARD = "(text) => { window.lbw && window.lbw.bridge.heard(text); }"


def bridge(door: Door) -> None:
    """Put the bridge into the open `gr.Blocks`."""
    with gr.Row(elem_id=compat.element_id("bridge"), elem_classes=["lbw-hidden"]):
        ask = gr.Textbox(show_label=False, elem_id=compat.element_id("ask"))
        answer = gr.Textbox(show_label=False, elem_id=compat.element_id("answer"))
        send = gr.Button("ask", elem_id=compat.element_id("send"))
    send.click(door.ask, [ask], [answer], **compat.quick())
    answer.change(None, [answer], None, **compat.script(_HEARD))


def panel_place(name: str) -> gr.HTML:
    """Return the place where the script of that name builds its panel."""
    return gr.HTML(f'<div class="lbw-panel" data-lbw="{name}"></div>', elem_classes=["lbw-panel-host"])
