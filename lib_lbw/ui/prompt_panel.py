"""The left side of the app: prompt, its faults, quick ways to change it, and the settings of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.session import Session
from lib_lbw.ui.compat import element_id
from lib_lbw.ui.labels import Labels


@dataclass(frozen=True)
class PromptPanel:
    """The components of the panel. `settings` are in the order of `picture_of`."""

    prompt: Any
    messages: Any
    lora: Any
    preset: Any
    settings: tuple[Any, ...]
    figure: Any

    @property
    def seed(self) -> Any:
        """The seed's component."""
        return self.settings[0]


def prompt_panel(session: Session, labels: Labels, prompt: str) -> PromptPanel:
    """Build the panel inside the open `gr.Blocks`."""
    with gr.Column(elem_id=element_id("prompt-panel")):
        text = labels.new(gr.Textbox, {"label": "Prompt"}, prompt, lines=3, max_lines=12, elem_id=element_id("prompt"))
        messages = gr.HTML(elem_id=element_id("messages"))
        with gr.Row(elem_classes="lbw-pair"):
            lora = _list(labels, "LoRA", [], None, "lora", allow_custom_value=True)
            preset = _list(labels, "Weight preset", session.presets.names(), None, "preset")
        with labels.new(gr.Accordion, {"label": "Picture settings"}, open=False, elem_id=element_id("settings")):
            settings = _settings(session, labels)
    with gr.Column(elem_id=element_id("diagram-panel")):
        figure = gr.HTML(elem_id=element_id("diagram"))
    return PromptPanel(text, messages, lora, preset, settings, figure)


def _settings(session: Session, labels: Labels) -> tuple[Any, ...]:
    picture = session.settings
    with gr.Row(elem_classes="lbw-pair"):
        seed = _number(labels, "Seed", picture.seed, "seed")
        steps = _slider(labels, "Sampling steps", (1, 60, 1), picture.steps, "steps")
    with gr.Row(elem_classes="lbw-pair"):
        scale = _slider(labels, "CFG scale", (1, 20, 0.5), picture.cfg_scale, "cfg")
        sampler = _list(labels, "Sampler", session.host.samplers, picture.sampler, "sampler")
    with gr.Row(elem_classes="lbw-pair"):
        width = _number(labels, "Width", picture.width, "width")
        height = _number(labels, "Height", picture.height, "height")
    negative = labels.new(
        gr.Textbox, {"label": "Negative prompt"}, picture.negative_prompt, lines=1, elem_id=element_id("negative")
    )
    return seed, steps, scale, sampler, width, height, negative


def _number(labels: Labels, label: str, value: int, name: str) -> Any:
    return labels.new(gr.Number, {"label": label}, value, precision=0, min_width=100, elem_id=element_id(name))


def _slider(labels: Labels, label: str, span: tuple[float, float, float], value: float, name: str) -> Any:
    low, high, step = span
    return labels.new(gr.Slider, {"label": label}, low, high, value, step=step, min_width=130, elem_id=element_id(name))


def _list(
    labels: Labels, label: str, choices: Sequence[str], value: str | None, name: str, **properties: object
) -> Any:
    keywords = {"value": value, "min_width": 110, "elem_id": element_id(name), **properties}
    return labels.new(gr.Dropdown, {"label": label}, list(choices), **keywords)


def picture_of(
    defaults: Picture,
    seed: float | None,
    steps: float,
    cfg_scale: float,
    sampler: str,
    width: float | None,
    height: float | None,
    negative_prompt: str,
) -> Picture:
    """Return the picture that the settings describe; an emptied number counts as its default."""
    return replace(
        defaults,
        seed=defaults.seed if seed is None else int(seed),
        steps=int(steps),
        cfg_scale=float(cfg_scale),
        sampler=sampler,
        width=int(width or defaults.width),
        height=int(height or defaults.height),
        negative_prompt=negative_prompt,
    )
