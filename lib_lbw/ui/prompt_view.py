"""What the page shows of a prompt while it is typed: messages, the list of LoRAs, the preset, the diagram."""

from dataclasses import dataclass

from lib_lbw.hosts.session import Session
from lib_lbw.ui.diagram_panel import empty_figure, weights_figure
from lib_lbw.ui.i18n import Translate
from lib_lbw.ui.messages import tag_messages
from lib_lbw.ui.reading import Tag, read_prompt
from lib_lbw.ui.tags import chosen_tag, preset_of, tag_choices, with_lora, with_preset
from lib_lbw.ui.workbench import Workbench


@dataclass(frozen=True)
class PromptView:
    """The HTML and the values of the components beside a prompt."""

    messages: str
    choices: tuple[tuple[str, str], ...]
    choice: str | None
    preset: str | None
    figure: str


def prompt_view(bench: Workbench, prompt: str, seed: int, choice: str | None, translate: Translate) -> PromptView:
    """Read the prompt; `choice` is the tag whose weights are drawn."""
    session = bench.session
    tags = read_prompt(session, prompt, seed)
    number = chosen_tag(tags, choice)
    tag = None if number is None else tags[number]
    preset = preset_of(tag) if tag else None
    return PromptView(
        messages=tag_messages(tags, prompt, translate),
        choices=tuple(tag_choices(tags, session.host.loras)),
        choice=None if number is None else str(number),
        preset=preset if preset in session.presets.names() else None,
        figure=_figure(bench, tag, translate),
    )


def add_lora(session: Session, prompt: str, choice: str) -> tuple[str, str]:
    """Return prompt and choice after a pick from the list of LoRAs: one that is not in the prompt is added to it."""
    longer = with_lora(prompt, choice)
    if longer is None:
        return prompt, choice
    return longer, str(len(read_prompt(session, longer, 0)) - 1)


def set_preset(session: Session, prompt: str, choice: str | None, preset: str | None) -> str:
    """Return the prompt after a pick from the presets, for the chosen tag."""
    tags = read_prompt(session, prompt, 0)
    number = chosen_tag(tags, choice)
    return prompt if number is None or not preset else with_preset(prompt, tags[number], preset)


def _figure(bench: Workbench, tag: Tag | None, translate: Translate) -> str:
    family = bench.session.host.family
    if tag is None or tag.weights is None:
        return empty_figure(family, translate)
    return weights_figure(tag.weights, family, bench.present(tag.weights.lora), translate)
