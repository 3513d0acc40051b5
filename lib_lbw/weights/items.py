"""Reads the items between the colons of a tag into a Directive; the grammar itself stands in `grammar`."""

import re
from dataclasses import dataclass, field
from typing import Literal

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import KEYS, MAX_DYN, Directive
from lib_lbw.weights.faults import fault, placed
from lib_lbw.weights.number import NUMBER, no_number, parse_number
from lib_lbw.weights.parser import parse_weights
from lib_lbw.weights.piece import Piece
from lib_lbw.weights.schedule import Bound, Schedule


@dataclass
class _Items:
    """The items of one tag, sorted by who reads them."""

    named: dict[str, Piece] = field(default_factory=dict)
    extra: list[tuple[str, str]] = field(default_factory=list)

    def add(self, key: str, item: Piece) -> None:
        if key in self.named:
            raise fault("{key}= is given twice, the second time as {text!r}", *item, key=key)
        self.named[key] = item

    def number(self, key: str) -> float | None:
        item = self.named.get(key)
        return None if item is None else parse_number(*item)


def read_items(inside: Piece, tag: Literal["lora", "lyco"]) -> Directive:
    """Read all that stands between the first colon of a tag and its `>`. Raises DirectiveError."""
    first, *rest = inside.split(":")
    name = first.bare()
    if not name.text:
        raise fault("the tag names no LoRA", *inside)
    items = _sorted(rest)
    named = items.named
    te = items.number("te")
    elements = named.get("lbwe")
    return Directive(
        name=name.text,
        te=1.0 if te is None else te,
        unet=items.number("unet"),
        dyn=_whole(named["dyn"]) if "dyn" in named else None,
        weights=parse_weights(*named["lbw"]) if "lbw" in named else None,
        elements=None if elements is None else elements.text,
        schedule=_schedule(named),
        x=items.number("x"),
        tag=tag,
        extra=tuple(items.extra),
        elements_at=0 if elements is None else elements.at,
    )


def _sorted(pieces: list[Piece]) -> _Items:
    """Give every item its key; `te=` `unet=` `dyn=` win over the positional form, as they do in the host."""
    items = _Items()
    positional: list[Piece] = []
    for piece in pieces:
        key, found, value = piece.partition("=")
        word = "lbw" if key.text.strip() == "w" else key.text.strip()
        if not found:
            positional.append(piece.bare())
        elif word in KEYS:
            items.add(word, value.bare())
        else:
            items.extra.append((key.text, value.text))
    for word, piece in _positional(positional):
        if word == "lbw" or word not in items.named:
            items.add(word, piece)
    return items


def _positional(pieces: list[Piece]) -> list[tuple[str, Piece]]:
    """Name the positional items: TE, UNET, DYN; the first one after TE that is no number is the weights."""
    free = ["te", "unet", "dyn"]
    named: list[tuple[str, Piece]] = []
    for piece in pieces:
        if not piece.text:
            raise fault("an item of the tag is empty", *piece)
        if not free:
            raise fault("{text!r} is one item too many", *piece)
        if re.fullmatch(NUMBER, piece.text):
            named.append((free.pop(0), piece))
        elif named:
            named.append(("lbw", piece))
            free.clear()
        else:
            raise no_number(*piece)
    return named


def _whole(item: Piece) -> int:
    if not re.fullmatch(r"[0-9]+", item.text) or len(item.text) > len(str(MAX_DYN)):
        raise fault("{text!r} is no rank: a whole number from 0", *item)
    return int(item.text)


def _schedule(named: dict[str, Piece]) -> Schedule | None:
    """Make the window of `step=a-b`, or of `start=` and `stop=`."""
    step, start, stop = (named.get(key) for key in ("step", "start", "stop"))
    if step is not None:
        if start or stop:
            raise fault("step={text} already says where to start and stop", *step)
        start, stop = _ends(step)
    place = step or start or stop
    if place is None:
        return None
    first, last = start and Bound.parse(*start), stop and Bound.parse(*stop)
    try:
        return Schedule(first, last)
    except DirectiveError as error:
        raise placed(error, *place) from None


def _ends(step: Piece) -> tuple[Piece, Piece]:
    """Split `a-b` at the dash between the numbers; a minus before one of them stays with it."""
    match = re.fullmatch(r"(\s*-?[^-]*[^-\s]\s*)-(.*)", step.text, re.DOTALL)
    if match is None:
        raise fault("{text!r} is no range of steps such as 5-10", *step)
    return Piece(match[1], step.at), Piece(match[2], step.at + match.start(2))
