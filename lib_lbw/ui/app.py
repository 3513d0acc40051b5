"""The app that stands alone: a page each for Generate, Analyze, Presets, Merge and Settings."""

from pathlib import Path
from typing import Any

import gradio as gr

from lib_lbw.hosts.session import Session
from lib_lbw.store.home import user_folder, user_store
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui import compat, scripts
from lib_lbw.ui.analysis_events import AnalysisEvents
from lib_lbw.ui.analysis_panel import analysis_panel
from lib_lbw.ui.bridge import bridge, panel_place
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door
from lib_lbw.ui.generate_events import wire_generate
from lib_lbw.ui.generate_panel import generate_panel
from lib_lbw.ui.header import header
from lib_lbw.ui.labels import Labels
from lib_lbw.ui.merging.answers import merge_answers
from lib_lbw.ui.merging.place import Place
from lib_lbw.ui.opening import first_prompt, warm_up
from lib_lbw.ui.prompt_events import wire_prompt
from lib_lbw.ui.prompt_panel import prompt_panel
from lib_lbw.ui.results.answers import ANSWERS as RESULT_ANSWERS
from lib_lbw.ui.settings.answers import settings_answers
from lib_lbw.ui.theme import theme
from lib_lbw.ui.workbench import Workbench

_HEAD = '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
_SMALL = Path(__file__).with_name("small_pictures.html")
_STYLE = Path(__file__).with_name("style.css")
#: Tells the style sheet whether a tab shares the page with the prompt, or has it whole.
_WIDTH = "() => { document.getElementById('lbw-page').dataset.width = '%s'; }"
TITLE = "LoRA Block Weight"


def build(bench: Workbench, prompt: str = "") -> tuple[gr.Blocks, dict[str, Any]]:
    """Build the page, with `prompt` to begin with; return it and the keywords its `launch()` needs."""
    head = _HEAD + _SMALL.read_text(encoding="utf-8") + f"<script>{scripts.source()}</script>"
    css = scripts.style() + _STYLE.read_text(encoding="utf-8")
    blocks_keywords, launch_keywords = compat.page(title=TITLE, css=css, theme=theme(), head=head)
    labels = Labels()
    with gr.Blocks(**blocks_keywords) as page:
        top = header(labels)
        with gr.Row(elem_id=compat.element_id("page")):
            with gr.Column(scale=4, min_width=300, elem_id=compat.element_id("side")):
                panel = prompt_panel(bench.session, labels, prompt)
            with gr.Column(scale=9, min_width=300, elem_id=compat.element_id("work")), gr.Tabs():
                with labels.new(gr.Tab, {"label": "Generate"}, id="generate") as generate_tab:
                    generating = generate_panel(labels)
                with labels.new(gr.Tab, {"label": "Analyze"}, id="analyze") as tab:
                    analyzing = analysis_panel(labels, tab)
                with labels.new(gr.Tab, {"label": "Presets"}, id="presets") as presets_tab:
                    panel_place("presets")
                with labels.new(gr.Tab, {"label": "Merge"}, id="merge") as merge_tab:
                    panel_place("merge")
                with labels.new(gr.Tab, {"label": "Settings"}, id="settings") as settings_tab:
                    panel_place("settings")
        desk = Desk(bench.store, lambda: bench.session.host.loras, bench.library, bench.results)
        place = Place(desk, bench.loras, bench.checkpoints, bench.checkpoint_folder, bench.session.add_lora)
        bridge(Door(desk, {**RESULT_ANSWERS, **merge_answers(place), **settings_answers(bench)}))
        wire_prompt(bench, page, top, labels, panel)
        wire_generate(bench, top, panel, generating)
        AnalysisEvents(bench, top, panel, analyzing).wire(page)
        for each in (generate_tab, tab):
            each.select(None, None, None, **compat.script(_WIDTH % "shared"))
        for each in (presets_tab, merge_tab, settings_tab):
            each.select(None, None, None, **compat.script(_WIDTH % "whole"))
    return page, launch_keywords


def launch(
    session: Session | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    language: str | None = None,
    results: Path | None = None,
    store: PresetStore | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Serve the app at `host` until it is interrupted.

    `session` None: the embedded model with its LoRAs. `port` None: the first free one from 7860. `language` "en" or
    "ja" decides for every browser; None: as each one asks. `results`: where analyses are kept; None: the user's data
    folder. `store`: where presets are kept; None: the user's data folder. `checkpoint`: a single file that LoRAs can be
    built into, or extracted from, beside those in the user's data folder.
    """
    store = store or user_store()
    if session is None:
        from lib_lbw.ui.embedded import embedded_session  # noqa: PLC0415 - loads torch and diffusers

        session = embedded_session(store)
    folder = results or user_folder() / "analysis"
    folder.mkdir(parents=True, exist_ok=True)
    bench = Workbench(session, folder, store, user_folder() / "loras", language, checkpoint)
    for path in sorted(bench.loras.glob("*.safetensors")):
        session.add_lora(path)
    session.on_bad_directive = bench.settings.read().on_bad_directive
    warm_up(bench)
    page, keywords = build(bench, first_prompt(session))
    page.launch(
        server_name=host,
        server_port=port,
        inbrowser=browser,
        share=False,
        show_error=True,
        allowed_paths=[str(folder)],
        **keywords,
    )
