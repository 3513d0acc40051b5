"""The smallest page with the panels, for whatever gradio runs this: `python small_page.py FOLDER PORT`."""

import sys
from pathlib import Path

import gradio as gr

from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui import bridge as bridges
from lib_lbw.ui import compat, scripts
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door
from lib_lbw.ui.merging.answers import merge_answers
from lib_lbw.ui.merging.place import Place
from lib_lbw.ui.results.answers import ANSWERS as RESULT_ANSWERS

folder, port = Path(sys.argv[1]), int(sys.argv[2])
merged = folder / "loras"


def loras() -> dict[str, Path]:
    """The embedded LoRAs, and those that were merged."""
    return {
        **{name: demo_lora_path(name) for name in demo_lora_names()},
        **{path.stem: path for path in merged.glob("*.safetensors")},
    }


css = scripts.style()
head = f"<script>{scripts.source()}</script>"  # gradio 3 has no place for it: there the test puts it into the page
blocks, launch = compat.page(title="panels", css=css, theme=gr.themes.Default(), head=head)
with gr.Blocks(**blocks) as page:
    prompt = gr.Textbox("a girl <lora:inkstyle:1>", label="Prompt", interactive=True, elem_id="txt2img_prompt")
    with gr.Tabs():
        for title, name in (("Presets", "presets"), ("Merge", "merge"), ("Analyses", "results")):
            with gr.Tab(title):
                bridges.panel_place(name)
    desk = Desk(PresetStore(folder / "presets"), loras, analyses=folder / "analysis")
    bridges.bridge(Door(desk, {**RESULT_ANSWERS, **merge_answers(Place(desk, merged))}))
    speak = "() => { const ask = () => window.lbw ? window.lbw.bridge.speak('en') : setTimeout(ask, 50); ask(); }"
    page.load(None, None, None, **compat.script(speak))
print("gradio", gr.__version__, flush=True)  # noqa: T201 - for the log of the test
page.launch(server_name="127.0.0.1", server_port=port, quiet=True, share=False, **launch)
