"""The smallest page with the preset editor, for whatever gradio runs this: `python small_page.py FOLDER PORT`."""

import sys
from pathlib import Path

import gradio as gr

from lib_lbw.demo import demo_lora_path
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui import bridge as bridges
from lib_lbw.ui import compat, scripts
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door

folder, port = Path(sys.argv[1]), int(sys.argv[2])
css = scripts.style()
head = f"<script>{scripts.source()}</script>"  # gradio 3 has no place for it: there the test puts it into the page
blocks, launch = compat.page(title="presets", css=css, theme=gr.themes.Default(), head=head)
with gr.Blocks(**blocks) as page:
    prompt = gr.Textbox("a girl <lora:inkstyle:1>", label="Prompt", interactive=True, elem_id="txt2img_prompt")
    bridges.panel_place("presets")
    desk = Desk(PresetStore(folder), lambda: {"inkstyle": demo_lora_path("inkstyle")})
    bridges.bridge(Door(desk))
    speak = "() => { const ask = () => window.lbw ? window.lbw.bridge.speak('en') : setTimeout(ask, 50); ask(); }"
    page.load(None, None, None, **compat.script(speak))
print("gradio", gr.__version__, flush=True)  # noqa: T201 - for the log of the test
page.launch(server_name="127.0.0.1", server_port=port, quiet=True, share=False, **launch)
