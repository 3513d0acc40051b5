"""Divides the items of one tag between the host and us.

The host splits `<lora:NAME:1:lbw=ALL>` at the colons and gives `int` or `float` whatever has no key, so that one item
it does not know costs the prompt all its LoRAs. It gets only what it understands.
"""

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import KEYS, Directive, Weights
from lib_lbw.weights.faults import placed
from lib_lbw.weights.grammar import Found, format_directive, parse_directive
from lib_lbw.weights.number import NUMBER

TAGS = ("lora", "lyco")
"""The names of tags that carry a LoRA; `lyco` is an alias of `lora`."""

_HOST_KEYS = ("te", "unet", "dyn")
_OUR_KEYS = tuple(key for key in KEYS if key not in _HOST_KEYS)
_WEIGHING = ("lbw", "w", "lbwe")
_KEYFRAME = rf"\s*{NUMBER}\s*[@~]\s*{NUMBER}\s*"
_KEYFRAMES = re.compile(rf"{_KEYFRAME}([,;](\s*{NUMBER}\s*|{_KEYFRAME}))*|\s*\[.*\]\s*")
"""Multipliers that other extensions let run with the steps: `1@0,0.5@0.5` (loractl), `[1@0,0@0.5]` (LoRA Control)."""

_WHOLE = re.compile(rf"<({'|'.join(TAGS)}):([^<>:]*[^<>:\s][^<>:]*(?::[^<>]*)?)>")
"""A tag of ours from end to end, with a name."""


@dataclass(frozen=True)
class Tag:
    """One tag: what the host gets of it, and what it says to us.

    `name` and `host_items` are as written; a host item that the host could not read is left out. `directive` is None
    for a tag that holds nothing of ours, and where `error` tells why it cannot be understood; the host gets the plain
    tag then. `text` is the whole tag; positions in `error` count from its start. The multipliers `directive.te` and
    `.unet` are 1 where the host's own item is no number: they are the host's business.
    """

    name: str
    host_items: tuple[str, ...]
    directive: Directive | None
    error: DirectiveError | None
    text: str


def split_items(items: Sequence[str], kind: str = "lora") -> Tag:
    """Sort the items of a tag `<kind:item:item...>`. Never raises."""
    text = f"<{kind}:{':'.join(items)}>"
    name, sorted_items = items[0], _sorted(items[1:])
    if all(item.host and item.readable for item in sorted_items):
        return Tag(name, tuple(items), None, None, text)
    host = (name, *(item.text for item in sorted_items if item.host and item.readable))
    masked = f"<{kind}:{':'.join([name, *(item.masked for item in sorted_items)])}>"
    try:
        directive = parse_directive(masked)
    except DirectiveError as error:
        return Tag(name, host, None, error, text)
    ours = directive.weights, directive.elements, directive.schedule
    return Tag(name, host, directive if any(part is not None for part in ours) else None, None, text)


def directive_of(found: Found) -> Directive:
    """Return what a tag found in a prompt says, as the gate takes it: multipliers of other extensions are no fault.

    Raises DirectiveError, with the position in the prompt.
    """
    if found.directive is not None:
        return found.directive
    whole = _WHOLE.fullmatch(found.text)
    tag = split_items(whole[2].split(":"), whole[1]) if whole else None
    if tag is None:
        raise found.error or DirectiveError("the tag cannot be read: {text}", text=found.text, position=found.start)
    if tag.error is not None:
        raise placed(tag.error, tag.error.text, found.start + tag.error.position)
    return tag.directive or Directive(tag.name.strip())


def rewritten(found: Found, weights: Weights | None, elements: str | None) -> str:
    """Return a tag found in a prompt with other weights; None takes them out.

    Where the host's items are no numbers, as multipliers of other extensions are, they stay as typed, and so does the
    rest. Raises DirectiveError as `directive_of` does.
    """
    directive = replace(directive_of(found), weights=weights, elements=elements)
    if found.directive is not None:
        return format_directive(directive)
    head, name, *rest = found.text.removesuffix(">").split(":")
    items = _sorted(rest)
    left = [item.text for item in items if not _weighs(item)]
    put = [f"{key}={value}" for key, value in (("lbw", weights), ("lbwe", elements)) if value is not None]
    place = next((place for place, item in enumerate(items) if _weighs(item)), len(items))
    return ":".join([head, name, *left[:place], *put, *left[place:]]) + ">"


def runs(tag: Tag) -> bool:
    """Tell whether multipliers of a tag run with the steps, which the host itself cannot read."""
    items = (item.partition("=") for item in tag.host_items[1:])
    return any(_KEYFRAMES.fullmatch(value if named else key) is not None for key, named, value in items)


def host_part(data: Any) -> Any:
    """Return the extra networks of a prompt (kind -> the host's tags) with only the host's items in LoRA tags.

    Nothing is changed in place; where no tag holds anything of ours, `data` itself comes back.
    """
    cleaned = {kind: [_host_tag(kind, tag) for tag in data[kind]] for kind in TAGS if data and kind in data}
    if all(new is old for kind, tags in cleaned.items() for new, old in zip(tags, data[kind], strict=True)):
        return data
    part = copy(data)
    part.update(cleaned)
    return part


def _host_tag(kind: str, tag: Any) -> Any:
    items = split_items(tag.items, kind).host_items
    return tag if tuple(tag.items) == items else type(tag)(items=list(items))


class _Item(NamedTuple):
    """An item: whether it is the host's, whether the host can read it, and how our grammar may see it."""

    text: str
    host: bool
    readable: bool
    masked: str


def _weighs(item: _Item) -> bool:
    """Tell whether an item says weights: it has a key that does, or is one of ours without a key."""
    key, named, _ = item.text.partition("=")
    return not item.host and (not named or key.strip() in _WEIGHING)


def _sorted(items: Sequence[str]) -> list[_Item]:
    free = list(_HOST_KEYS)  # what the next positional item means to the host
    found: list[_Item] = []
    for text in items:
        key, named, value = text.partition("=")
        if not named:
            found.append(_positional(text, free))
        elif key.strip() in _OUR_KEYS:
            found.append(_Item(text, False, True, text))
        elif key.strip() in _HOST_KEYS:
            found.append(_host_item(text, key.strip(), value, f"{key}="))
        else:
            found.append(_Item(text, True, "=" not in value, text))  # the host takes an item with two for positional
    return found


def _positional(text: str, free: list[str]) -> _Item:
    """Give an item without a key to the host if it can read it in that place; then the place is taken."""
    if not free:
        return _Item(text, True, False, text)
    item = _host_item(text, free[0], text, "")
    if item.readable:
        free.pop(0)
        return item
    free.clear()
    return item._replace(host=False)


def _host_item(text: str, key: str, value: str, head: str) -> _Item:
    if key != "dyn" and _KEYFRAMES.fullmatch(value):
        return _Item(text, True, True, head + "1".ljust(len(value)))
    pattern = "[0-9]+" if key == "dyn" else NUMBER
    return _Item(text, True, re.fullmatch(pattern, value.strip()) is not None, text)
