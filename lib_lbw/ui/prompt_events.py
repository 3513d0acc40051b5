"""Events of the prompt and of the language: the page follows what is typed and chosen."""

from typing import Any

import gradio as gr

from lib_lbw.ui import compat
from lib_lbw.ui.header import Header, title_html
from lib_lbw.ui.i18n import LANGUAGES, language_of, translator
from lib_lbw.ui.labels import Labels
from lib_lbw.ui.prompt_panel import PromptPanel
from lib_lbw.ui.prompt_view import add_lora, prompt_view, set_preset
from lib_lbw.ui.workbench import Workbench

_SPEAK = "(language) => { window.lbw && window.lbw.bridge.speak(language); }"


def wire_prompt(bench: Workbench, page: gr.Blocks, header: Header, labels: Labels, panel: PromptPanel) -> None:
    """Let messages, lists, diagram and all words follow the prompt and the language, and the prompt the lists."""

    def refresh(language: str, prompt: str, seed: float | None, choice: str | None) -> list[Any]:
        view = prompt_view(bench, prompt, int(seed or 0), choice, translator(language))
        lora = gr.update(choices=list(view.choices), value=view.choice)
        return [view.messages, lora, gr.update(value=view.preset), view.figure]

    def words(language: str) -> list[Any]:
        translate = translator(language)
        return [title_html(bench.session, translate), *labels.updates(translate)]

    def pick_lora(prompt: str, choice: str | None) -> tuple[str, str | None]:
        return add_lora(bench.session, prompt, choice) if choice else (prompt, choice)

    def pick_preset(prompt: str, choice: str | None, preset: str | None) -> str:
        return set_preset(bench.session, prompt, choice, preset)

    def opened(request: gr.Request) -> str:
        return opening_language(bench, request)

    quick = compat.quick()
    shown: dict[str, Any] = {
        "fn": refresh,
        "inputs": [header.language, panel.prompt, panel.seed, panel.lora],
        "outputs": [panel.messages, panel.lora, panel.preset, panel.figure],
        **quick,
    }
    worded: dict[str, Any] = {
        "fn": words, "inputs": [header.language], "outputs": [header.title, *labels.components], **quick
    }  # fmt: skip
    spoken: dict[str, Any] = {"fn": None, "inputs": [header.language], "outputs": None, **compat.script(_SPEAK)}
    page.load(opened, None, header.language, **quick).then(**spoken).then(**worded).then(**shown)
    header.language.input(**spoken).then(**worded).then(**shown)
    panel.prompt.change(**shown)
    panel.seed.change(**shown)
    panel.lora.input(pick_lora, [panel.prompt, panel.lora], [panel.prompt, panel.lora], **quick).then(**shown)
    panel.preset.input(pick_preset, [panel.prompt, panel.lora, panel.preset], panel.prompt, **quick)


def opening_language(bench: Workbench, request: gr.Request | None) -> str:
    """Return the language a page opens in: the app's own, `?lang=` of the address, the one set, or the browser's."""
    if bench.language:
        return bench.language
    wished = request.query_params.get("lang") if request else None
    if wished in LANGUAGES:
        return str(wished)
    return bench.settings.read().language or language_of(compat.request_headers(request).get("accept-language", ""))
