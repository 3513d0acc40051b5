"""Small pieces that the pages of this extension are made of."""

from collections.abc import Callable
from typing import Any

import gradio as gr

Ids = Callable[[str], str]
"""Makes the DOM id of a name on one tab; every id of ours begins `lbw-`."""


def ids_of(tab: str) -> Ids:
    """Return the ids for "txt2img" or "img2img", which show the same controls on one page."""
    return lambda name: f"lbw-{tab}-{name}"


def unsaved(component: Any) -> Any:
    """Keep the WebUI from taking what stands in a component for its default at the next start."""
    component.do_not_save_to_config = True
    return component


def hidden(label: str, value: str = "") -> Any:
    """Return a place for an argument that programs send and pages do not show."""
    return unsaved(gr.Textbox(label=label, value=value, visible=False))


def html(ids: Ids, name: str, value: str | Callable[[], str] = "") -> Any:
    """Return a place for markup; a function gives it anew whenever the page is loaded."""
    return gr.HTML(value, elem_id=ids(name), elem_classes=["lbw-html"])
