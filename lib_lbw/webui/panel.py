"""The accordion below the settings of txt2img and img2img."""

from typing import Any

import gradio as gr

from lib_lbw.ui.compat import quick, script
from lib_lbw.ui.i18n import translator
from lib_lbw.webui import host
from lib_lbw.webui.controls import hidden, html, ids_of, unsaved
from lib_lbw.webui.editor import editor
from lib_lbw.webui.prompt_weights import prompt_weights
from lib_lbw.webui.resolver import Resolver

TITLE = "LoRA Block Weight"

_PLACES = 16
"""Arguments of the reference's accordion that this one answers to: presets first, active, and elements last."""


def panel(tab: str, resolver: Resolver, warning: str) -> list[Any]:
    """Build the accordion of "txt2img" or "img2img" and return its controls, in the order of the reference's.

    `warning` is shown on top, "" for none. Called any number of times: the WebUI's API builds it for the defaults only.

    Labels differ from the reference's: the WebUI keeps defaults by file name and label, and would give us theirs.
    """
    ids, translate = ids_of(tab), translator(host.language())
    presets = hidden("Block weights: presets of a request")
    with gr.Accordion(TITLE, open=False, elem_id=ids("accordion")):  # the WebUI's own would switch off when folded
        active = gr.Checkbox(True, label="Block weights on", elem_id=ids("active"))
        if warning:
            gr.HTML(warning, elem_id=ids("warning"))
        figures = html(ids, "figures")
        # The page's script presses it when the prompt has come to rest and the accordion is open.
        show = unsaved(gr.Button("Show", elem_id=ids("show"), elem_classes=["lbw-hidden"]))
        prompt = hidden("Block weights: prompt")
        for kind in ("presets", "elements"):
            editor(kind, resolver.desk.store, ids, translate)

    def draw(text: str) -> str:
        return prompt_weights(text, 0, resolver, translate)

    show.click(draw, prompt, figures, **{**quick(), **script(_prompt_of(tab))})
    places = [hidden(f"Block weights: place {place}") for place in range(2, _PLACES)]
    return [presets, active, *places]


def read_panel(values: tuple[Any, ...]) -> tuple[str, bool, str]:
    """Return presets, active and elements from the arguments of a job; shorter lists have the defaults."""
    given = (*values, *[None] * (_PLACES - len(values)))
    return str(given[0] or ""), given[1] is None or bool(given[1]), str(given[_PLACES - 1] or "")


def _prompt_of(tab: str) -> str:
    """Return a JavaScript function that gives the prompt of a tab."""
    return f"() => [gradioApp().querySelector('#{tab}_prompt textarea')?.value ?? '']"
