"""The tab of its own: the preset editor, the merge panel, and the results of analyses."""

from pathlib import Path
from typing import Any

import gradio as gr

from lib_lbw.hosts.library import Library
from lib_lbw.ui.bridge import bridge, panel_place
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door
from lib_lbw.ui.i18n import translator
from lib_lbw.ui.merging.answers import merge_answers
from lib_lbw.ui.merging.place import Place
from lib_lbw.ui.results.answers import ANSWERS as RESULT_ANSWERS
from lib_lbw.webui import host
from lib_lbw.webui.controls import unsaved

TITLE = "LoRA Block Weight"
_ID = "lbw"


def ui_tabs(desk: Desk, folder: Path) -> list[tuple[gr.Blocks, str, str]]:
    """Return the tab as the WebUI takes it: page, title, id. `folder` is where analyses are kept.

    The bridge stands here, and nowhere else on the page: what the scripts do elsewhere asks through it too.
    """
    translate = translator(host.language())
    with gr.Blocks(analytics_enabled=False) as page:
        with gr.Tabs(elem_id="lbw-tabs"):
            with gr.Tab(translate("Presets"), elem_id="lbw-tab-presets"):
                panel_place("presets")
            with gr.Tab(translate("Merge"), elem_id="lbw-tab-merge"):
                panel_place("merge")
            with gr.Tab(translate("Analyses"), elem_id="lbw-tab-analyses"):
                panel_place("results")
        bridge(_door(desk, folder))
    _forget(page)
    return [(page, TITLE, _ID)]


def _door(desk: Desk, folder: Path) -> Door:
    asked = Desk(desk.store, desk.loras, Library(), folder)
    place = Place(asked, host.lora_folder(), host.checkpoints, host.checkpoint_folder(), host.refresh_loras)
    return Door(asked, {**RESULT_ANSWERS, **merge_answers(place)})


def _forget(page: Any) -> None:
    """Keep the WebUI from storing what stands in any component of the page."""
    for component in page.blocks.values():
        unsaved(component)
