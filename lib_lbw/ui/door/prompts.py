"""Questions about a prompt: which tags it has, and one tag written anew."""

from collections.abc import Sequence
from typing import Any

from lib_lbw.errors import DirectiveError, LbwError
from lib_lbw.hosts.webui.tags import directive_of, rewritten
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
        before, after = f"{prompt.rstrip()} ".lstrip(), ""
        elements = question.text("elements", "") or None
        text = format_directive(Directive(question.text("lora"), weights=parsed, elements=elements))
    else:
        tag = _numbered(find_directives(prompt), int(question.number("tag", 0)))
        before, after = prompt[: tag.start], prompt[tag.end :]
        text = rewritten(tag, parsed, question.text("elements", _directive(tag).elements or "") or None)
    return {"prompt": before + text + after, "start": len(before), "end": len(before) + len(text), "text": text}


def _numbered(tags: Sequence[Found], number: int) -> Found:
    if not 0 <= number < len(tags):
        raise LbwError("the prompt has no tag number {number}", number=number + 1)
    return tags[number]


def _directive(tag: Found) -> Directive:
    try:
        return directive_of(tag)
    except DirectiveError as error:
        raise LbwError("the tag cannot be read: {text}", text=tag.text) from error


def _tag(found: Found, question: Question) -> dict[str, Any]:
    told: dict[str, Any] = {"text": found.text, "start": found.start, "end": found.end}
    try:
        directive = directive_of(found)
    except DirectiveError as error:
        return {**told, "fault": error.localized(question.translate)}
    weights = format_weights(directive.weights) if directive.weights else ""
    return {**told, "name": directive.name, "weights": weights, "elements": directive.elements or "",
            "te": directive.te, "unet": directive.te if directive.unet is None else directive.unet}  # fmt: skip


ANSWERS = {"prompt.read": read, "prompt.write": write}
