"""Block weights that a LoRA always comes with: kept in its user metadata, written into the tag by a click on its card.

The WebUI stores the user metadata of `a.safetensors` in `a.json`; ours is the key `lbw`, the text after `lbw=`. The
WebUI reads and writes the whole file, so what else stands in it stays.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from lib_lbw.errors import LbwError
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.ui.compat import quick
from lib_lbw.ui.i18n import translator
from lib_lbw.webui import host
from lib_lbw.webui.controls import unsaved
from lib_lbw.weights.grammar import format_weights, parse_weights

KEY = "lbw"
_FIELD = "lbw_weights"
_CLOSED = ' + ">"'  # ends the tag in the expression of JavaScript that a card's prompt is
_LOG = logging.getLogger("lora_block_weight")


def extend_cards(patches: Patches) -> None:
    """Add the field to the card's editor, and the weights to its prompt. Does nothing without the LoRA extension."""
    found = host.lora_cards()
    if found is None:
        return
    page, editor = found
    try:
        patches.wrap(editor, "create_extra_default_items_in_left_column", _add_field)
        patches.wrap(editor, "create_editor", _read_field)
        patches.wrap(editor, "setup_save_handler", _save_field)
        patches.wrap(page, "create_item", _weigh_item)
    except LbwError as error:
        _LOG.warning("LoRA Block Weight: %s", error)


def weighed(prompt: str, metadata: Mapping[str, Any]) -> str:
    """Return the prompt of a card, an expression of JavaScript, with the weights of its LoRA in the tag."""
    text = metadata.get(KEY)
    if not isinstance(text, str) or not text.strip():
        return prompt
    try:
        written = format_weights(parse_weights(text))
    except LbwError:  # a fault in the file must not take the card away; its editor shows the text
        return prompt
    quoted = written.replace("\\", "\\\\").replace('"', '\\"')
    return prompt.replace(_CLOSED, f' + ":lbw={quoted}>"', 1)


def _add_field(original: Callable[..., Any], editor: Any) -> None:
    original(editor)
    translate = translator(host.language())
    hint = translate("A preset, or as after lbw=; a click on the card writes it")
    box = gr.Textbox(label=translate("Block weights"), info=hint)
    setattr(editor, _FIELD, unsaved(box))  # what was edited last is no default


def _read_field(original: Callable[..., Any], editor: Any) -> None:
    original(editor)
    box = getattr(editor, _FIELD, None)
    if box is None:
        return

    def read(name: str) -> str:
        return str(editor.get_user_metadata(name).get(KEY, ""))

    editor.button_edit.click(read, [editor.edit_name_input], [box], **quick())


def _save_field(
    original: Callable[..., Any], editor: Any, button: Any, save: Callable[..., Any], components: list[Any]
) -> Any:
    box = getattr(editor, _FIELD, None)
    if box is None:
        return original(editor, button, save, components)

    def save_both(name: str, *values: Any) -> Any:
        keep(editor.get_user_metadata(name), str(values[-1] or ""))  # the host writes this very mapping
        return save(name, *values[:-1])

    return original(editor, button, save_both, [*components, box])


def keep(metadata: dict[str, Any], text: str) -> None:
    """Put the weights into the metadata; no weights, no key."""
    metadata.pop(KEY, None)
    if text.strip():
        metadata[KEY] = text.strip()


def _weigh_item(original: Callable[..., Any], page: Any, *arguments: Any, **keywords: Any) -> Any:
    item = original(page, *arguments, **keywords)
    if item and isinstance(item.get("prompt"), str):
        item["prompt"] = weighed(item["prompt"], item.get("user_metadata") or {})
    return item
