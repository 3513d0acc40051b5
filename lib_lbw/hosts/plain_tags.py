"""What is left of a bad tag when its weights are ignored."""

from collections.abc import Sequence
from dataclasses import replace

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import Found, parse_directive
from lib_lbw.weights.notice import Notice


def plain_tag(found: Found) -> Directive | None:
    """Return the tag without block weights and without the items that cannot be read; its strengths stay.

    None when not even the name can be read.
    """
    directive = found.directive or _readable(found.text)
    return None if directive is None else replace(directive, weights=None, elements=None)


def told(found: Found, error: DirectiveError, *, kept: bool) -> tuple[Notice, ...]:
    """Tell what is wrong with a tag, and that it acts as the plain tag (`kept`) or not at all."""
    outcome = Notice.of(
        "{tag}: its weights are ignored; the LoRA acts as a plain tag." if kept else "{tag}: this tag is left out.",
        tag=found.text,
    )
    return Notice.of(error.template, **error.fields), outcome


def _readable(text: str) -> Directive | None:
    """Read as many items of a bad tag as can be read together, from left to right."""
    head, *items = text.rstrip(">").split(":")
    directive, kept = None, [head]
    for item in items:
        made = _parsed([*kept, item])
        if made is not None or len(kept) == 1:  # the first is the name, whatever it is
            directive, kept = made, [*kept, item]
    return directive


def _parsed(items: Sequence[str]) -> Directive | None:
    try:
        return parse_directive(f"{':'.join(items)}>")
    except DirectiveError:
        return None
