"""Changes to the prompt's tags from buttons and lists: only the tag at hand is rewritten, the rest stays as typed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lib_lbw.ui.reading import Tag
from lib_lbw.weights.directive import Directive, PresetTerm, Terms
from lib_lbw.weights.grammar import find_directives, format_directive

_NEW = "+"


def tag_choices(tags: Sequence[Tag], loras: Iterable[str]) -> list[tuple[str, str]]:
    """Return what a list of LoRAs offers, as pairs of shown text and value: the prompt's tags, then the other LoRAs.

    The value of a tag is its number in the prompt, that of a LoRA to add is "+" and its name.
    """
    present = [(tag.name, str(number)) for number, tag in enumerate(tags)]
    named = {tag.name for tag in tags}
    return [*present, *((f"+ {name}", _NEW + name) for name in sorted(loras) if name not in named)]


def chosen_tag(tags: Sequence[Tag], choice: str | None) -> int | None:
    """Return the number of the tag that a choice means: itself, else the first; None when the prompt has none."""
    if choice is not None and choice.isdecimal() and int(choice) < len(tags):
        return int(choice)
    return 0 if tags else None


def lora_names(prompt: str) -> list[str]:
    """Return the names of the LoRAs that the prompt's readable tags name, each once."""
    return list(dict.fromkeys(found.directive.name for found in find_directives(prompt) if found.directive))


def with_lora(prompt: str, choice: str) -> str | None:
    """Return the prompt with the LoRA of an adding choice at its end; None when the choice adds nothing."""
    if not choice.startswith(_NEW):
        return None
    tag = format_directive(Directive(choice.removeprefix(_NEW)))
    return f"{prompt.rstrip()} {tag}".lstrip()


def with_preset(prompt: str, tag: Tag, preset: str) -> str:
    """Return the prompt with the tag's block weights set to a preset. A tag that cannot be read stays as it is."""
    if tag.directive is None:
        return prompt
    changed = format_directive(replace(tag.directive, weights=Terms((PresetTerm(preset),))))
    return prompt[: tag.start] + changed + prompt[tag.end :]


def preset_of(tag: Tag) -> str | None:
    """Return the preset's name when the tag's weights are one preset and nothing else."""
    weights = tag.directive.weights if tag.directive else None
    if isinstance(weights, Terms) and len(weights.terms) == 1 and isinstance(weights.terms[0], PresetTerm):
        return weights.terms[0].name
    return None
