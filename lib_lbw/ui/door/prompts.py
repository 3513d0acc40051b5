"""Questions about a prompt: which tags it has, and one tag written anew."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lib_lbw.errors import LbwError
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import Found, find_directives, format_directive, format_weights, parse_weights


def read(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the tags of `prompt`, each with its place, its LoRA and its weights, or with its fault."""
    found = find_directives(question.text("prompt"))
    return {"tags": [_tag(each, question) for each in found]}


def write(desk: Desk, question: Question) -> dict[str, Any]:
    """Return `prompt` with `weights` in its tag number `tag`; "" takes the weights out. The rest stays as typed.

    With `lora` instead of `tag`, a tag of that LoRA is added at the end.
    """
    prompt, weights = question.text("prompt"), question.text("weights")
    parsed = parse_weights(weights) if weights.strip() else None
    if question.values.get("lora"):
        before, old, after = f"{prompt.rstrip()} ".lstrip(), Directive(question.text("lora")), ""
    else:
        tag = _numbered(find_directives(prompt), int(question.number("tag", 0)))
        if tag.directive is None:
            raise LbwError("the tag cannot be read: {text}", text=tag.text)
        before, old, after = prompt[: tag.start], tag.directive, prompt[tag.end :]
    elements = question.text("elements", old.elements or "") or None
    text = format_directive(replace(old, weights=parsed, elements=elements))
    return {"prompt": before + text + after, "start": len(before), "end": len(before) + len(text), "text": text}


def _numbered(tags: Sequence[Found], number: int) -> Found:
    if not 0 <= number < len(tags):
        raise LbwError("the prompt has no tag number {number}", number=number + 1)
    return tags[number]


def _tag(found: Found, question: Question) -> dict[str, Any]:
    told: dict[str, Any] = {"text": found.text, "start": found.start, "end": found.end}
    if found.directive is None:
        return {**told, "fault": found.error.localized(question.translate) if found.error else ""}
    directive = found.directive
    weights = format_weights(directive.weights) if directive.weights else ""
    return {**told, "name": directive.name, "weights": weights, "elements": directive.elements or "",
            "te": directive.te, "unet": directive.te if directive.unet is None else directive.unet}  # fmt: skip


ANSWERS = {"prompt.read": read, "prompt.write": write}
