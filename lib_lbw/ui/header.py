"""The top of the page: what this is, what is loaded, and the language."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_lbw.hosts.session import Session
from lib_lbw.ui.compat import element_id
from lib_lbw.ui.i18n import DEFAULT_LANGUAGE, LANGUAGES, Translate, say
from lib_lbw.ui.labels import Labels
from lib_lbw.ui.markup import element, escape

_MARK = (
    '<svg class="lbw-mark" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 3v10l8 8 8-8V3" fill="none" '
    'stroke="currentColor" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round"/>'
    '<path d="M4 8h16" stroke="currentColor" stroke-width="1.4" stroke-dasharray="1 3.2" stroke-linecap="round"/></svg>'
)


@dataclass(frozen=True)
class Header:
    """The components of the header."""

    title: Any
    language: Any


def header(labels: Labels) -> Header:
    """Build the header inside the open `gr.Blocks`."""
    with gr.Row(elem_id=element_id("header")):
        title = gr.HTML(elem_id=element_id("title"))
        language = labels.new(
            gr.Radio,
            {"label": "Language"},
            choices=[(name, code) for code, name in LANGUAGES.items()],
            value=DEFAULT_LANGUAGE,
            container=False,
            show_label=False,
            elem_id=element_id("language"),
        )
    return Header(title, language)


def title_html(session: Session, translate: Translate) -> str:
    """Return the name of the program and what it has loaded."""
    host = session.host
    template = "{model} ({family}) · {count} LoRAs"
    loaded = say(translate, template, model=host.model, family=host.family.title, count=len(host.loras))
    name = element("h1", _MARK + escape("LoRA Block Weight"))
    return element("div", name + element("p", escape(loaded)), class_="lbw-title")
