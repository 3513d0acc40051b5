"""Events of the Generate tab."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from lib_lbw.errors import LbwError
from lib_lbw.ui import compat
from lib_lbw.ui.generate import generate
from lib_lbw.ui.generate_panel import GeneratePanel
from lib_lbw.ui.header import Header
from lib_lbw.ui.i18n import translator
from lib_lbw.ui.messages import error_message, notice_message, plain_message
from lib_lbw.ui.prompt_panel import PromptPanel, picture_of
from lib_lbw.ui.switches import switched
from lib_lbw.ui.workbench import Workbench


def wire_generate(bench: Workbench, header: Header, prompt: PromptPanel, panel: GeneratePanel) -> None:
    """Let the button draw, show how far it is, and let the other button stop it."""

    def run(
        values: dict[Any, Any], request: gr.Request, progress: gr.Progress = compat.PROGRESS
    ) -> Iterator[list[Any]]:
        translate = translator(values[header.language])
        progress(0.0, desc=translate("Preparing"))
        status = plain_message(translate, "Cancelled")
        drawn: list[Any] = [gr.update()] * 3
        try:
            picture = picture_of(bench.session.settings, *(values[each] for each in prompt.settings))
            text = values[prompt.prompt]
            for event in generate(bench, compat.owner(request), text, picture, values[panel.compare]):
                if isinstance(event, float):
                    progress(event, desc=translate("Drawing"))
                    continue
                drawn = [event.plain, event.weighted, event.parameters]
                yield ["", *drawn]
                if event.weighted:
                    status = "".join(notice_message(notice, translate) for notice in event.notices)
        except LbwError as error:
            status = error_message(error, translate)
        yield [status, *drawn]

    def stop(request: gr.Request) -> None:
        bench.desk.stop(compat.owner(request))

    quick, buttons = compat.quick(), [panel.run, panel.stop]
    inputs = {header.language, prompt.prompt, panel.compare, *prompt.settings}
    begun = panel.run.click(partial(switched, True, 1), None, buttons, **quick)
    done = begun.then(run, inputs, panel.outputs, **compat.long_job(panel.status))
    done.then(partial(switched, False, 1), None, buttons, **quick)
    panel.stop.click(stop, None, None, **quick)
