"""An editor for one of the user's two preset files: a text, a check while typing, Save and Reload."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from lib_lbw.errors import LbwError, StoreConflict
from lib_lbw.store.presets import Kind, PresetStore
from lib_lbw.ui.compat import quick
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.markup import element, escape
from lib_lbw.ui.messages import error_message
from lib_lbw.webui.controls import Ids, html, unsaved
from lib_lbw.webui.preset_check import faults_of
from lib_lbw.weights.book import Book
from lib_lbw.weights.presets import ElementBook, PresetBook

_TITLES: dict[Kind, str] = {"presets": "Presets", "elements": "Elemental presets"}
_HINTS: dict[Kind, str] = {
    "presets": "NAME:1,0,0,...  or  NAME:ALL,OUT03@0.5",
    "elements": "NAME:blocks:elements:weight",
}
_PARSE: dict[Kind, Callable[[str], Book[Any]]] = {"presets": PresetBook.parse, "elements": ElementBook.parse}


def editor(kind: Kind, store: PresetStore, ids: Ids, translate: Translate) -> None:
    """Build the editor of `kind` inside an open container. Its text is read anew whenever the page is loaded."""
    title = _TITLES[kind]

    def stored() -> str:
        return _stored(store, kind)

    with gr.Accordion(title, open=False, elem_id=ids(kind)):
        text = unsaved(
            gr.Textbox(
                value=stored, label=f"{title}: one a line", lines=10, max_lines=24, placeholder=_HINTS[kind],
                elem_id=ids(f"{kind}-text"), elem_classes=["lbw-presets"],
            )
        )  # fmt: skip
        base = unsaved(gr.Textbox(value=stored, label=f"{title}: text as it was read", visible=False))
        told = html(ids, f"{kind}-check", lambda: checked(kind, stored(), stored(), translate))
        with gr.Row():
            save = unsaved(gr.Button(f"Save {title.lower()}", variant="primary", elem_id=ids(f"{kind}-save")))
            reload = unsaved(gr.Button(f"Reload {title.lower()}", elem_id=ids(f"{kind}-reload")))
        names = unsaved(
            gr.Textbox(value=lambda: known_names(store, kind), label=f"{title}: names to copy", interactive=False)
        )

    def follow(typed: str, read: str) -> str:
        return checked(kind, typed, read, translate)

    def write(typed: str, read: str) -> list[Any]:
        return _saved(kind, store, typed, read, translate)

    def again() -> list[Any]:
        found = stored()
        return [found, found, checked(kind, found, found, translate), known_names(store, kind)]

    text.input(follow, [text, base], told, **quick())  # typing alone: `change` would wipe out what Save has told
    save.click(write, [text, base], [text, base, told, names], **quick())
    reload.click(again, [], [text, base, told, names], **quick())


def checked(kind: Kind, text: str, base: str, translate: Translate) -> str:
    """Return as HTML what is wrong in which line, or how many presets there are, and whether they are saved."""
    book = _PARSE[kind](text)
    faults = "".join(element("li", escape(fault.localized(translate))) for fault in faults_of(book))
    if faults:
        return element("div", element("ul", faults), class_="lbw-message lbw-error", role="alert")
    template = "Presets of your own: {count}, saved" if text == base else "Presets of your own: {count}, not saved yet"
    sentence = say(translate, template, count=len(book.names()))
    return element("div", element("p", escape(sentence)), class_="lbw-message lbw-info")


def known_names(store: PresetStore, kind: Kind) -> str:
    """Return all names that can be written after `lbw=` or `lbwe=`, separated by commas."""
    try:
        book: Book[Any] = store.presets() if kind == "presets" else store.elements()
    except LbwError:
        book = PresetBook.shipped() if kind == "presets" else ElementBook.shipped()
    return ",".join(book.names())


def _stored(store: PresetStore, kind: Kind) -> str:
    """Return the saved text; "" for a file that cannot be read, which Save then tells of."""
    try:
        return store.text(kind)
    except LbwError:
        return ""


def _saved(kind: Kind, store: PresetStore, text: str, base: str, translate: Translate) -> list[Any]:
    """Save, and return text, base, message and names. After a conflict a second Save replaces the other text."""
    try:
        stands = store.save(kind, text, base).text
    except StoreConflict as conflict:
        return [gr.update(), conflict.theirs, error_message(conflict, translate), gr.update()]
    except LbwError as error:
        return [gr.update(), gr.update(), error_message(error, translate), gr.update()]
    return [stands, stands, checked(kind, stands, stands, translate), known_names(store, kind)]
