"""The grammar of a directive.

    directive = "<" tag ":" name *( ":" item ) ">"
    tag       = "lora" | "lyco"
    name      = any text without ":" "<" ">", blanks around it ignored
    item      = positional | key "=" value
    positional = TE [ ":" UNET [ ":" DYN ] ]            numbers, DYN whole
               | TE [ ":" UNET ] ":" weights            the form of hosts before 1.5: anything that is no number
    key       = "te" | "unet" | "dyn"                   numbers: the same as the positional ones, and over them
              | "lbw" | "w"                             weights
              | "lbwe"                                  name of an elemental preset
              | "start" | "stop"                        bound
              | "step"                                  bound "-" bound
              | "x"                                     number
              | any other word                          kept as it is
    bound     = whole number (a step) | number with a point (a fraction of all steps)

    weights   = vector | term *( "," term )
    vector    = value 1*( "," value )
    term      = preset-name | value | target "@" value
    target    = [ "NOT " ] area *( " " area )
    area      = word | word "-" word | word "." element | word "-" word "." element
    value     = number | ( "R" | "U" | "X" ) [ ( "+" | "-" ) number ]
    element   = word *( "." word )
    word      = 1*( letter | digit | "_" )
    number    = decimal, a point and an exponent allowed, within ±1000000

A list of values only is a vector; one value alone is a term. Blanks around any part are ignored. No value holds
":" ">" "=" "#" "{" "}" "|" "$" or "__". Which words are blocks, presets or elements is not known here: see `resolve`.
`parse_directive` and `format_directive` are inverse to each other.
"""

import re
from dataclasses import dataclass
from typing import Literal

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import Directive, Weights
from lib_lbw.weights.faults import fault
from lib_lbw.weights.items import read_items
from lib_lbw.weights.number import format_number
from lib_lbw.weights.parser import parse_weights
from lib_lbw.weights.piece import Piece

__all__ = [
    "Found",
    "find_directives",
    "format_directive",
    "format_weights",
    "parse_directive",
    "parse_weights",
    "without_directives",
]

_TAG = re.compile(r"<(lora|lyco):([^<>]*)>")
_MEANT = re.compile(r"<\s*(?:lora|lyco)\s*:[^<>]*>?", re.IGNORECASE)  # also <LORA:a:1>, and a tag that is not closed


@dataclass(frozen=True)
class Found:
    """A tag in a prompt: `text` == prompt[start:end], and either what it says or what is wrong with it."""

    directive: Directive | None
    error: DirectiveError | None
    text: str
    start: int
    end: int


def parse_directive(text: str, position: int = 0) -> Directive:
    """Read one whole tag. `position` is added to the positions of errors. Raises DirectiveError."""
    match = _TAG.fullmatch(text)
    if match is None:
        raise fault("{text!r} is not a tag of the form <lora:NAME:1>", text, position)
    tag: Literal["lora", "lyco"] = "lyco" if match[1] == "lyco" else "lora"
    return read_items(Piece(match[2], position + match.start(2)), tag)


def format_directive(directive: Directive) -> str:
    """Write a directive as a tag; numbers as short as they can be, what has its default left out."""
    items = [directive.name, format_number(directive.te)]
    if directive.unet is not None:
        items.append(format_number(directive.unet))
    if directive.dyn is not None:
        items.append(f"dyn={directive.dyn}")
    if directive.weights is not None:
        items.append(f"lbw={directive.weights}")
    if directive.elements is not None:
        items.append(f"lbwe={directive.elements}")
    if directive.schedule is not None:
        items.extend(f"{key}={bound}" for key, bound in directive.schedule.to_json().items() if bound is not None)
    if directive.x is not None:
        items.append(f"x={format_number(directive.x)}")
    items.extend(f"{key}={value}" for key, value in directive.extra)
    return f"<{directive.tag}:{':'.join(items)}>"


def format_weights(weights: Weights) -> str:
    """Write weights as they stand after `lbw=` and in preset files."""
    return str(weights)


def find_directives(prompt: str) -> tuple[Found, ...]:
    """Find every tag of a prompt, good or bad; positions of errors count from the start of the prompt.

    What was meant as a tag but is none, `<LORA:a:1>` or one that is not closed, is a bad one.
    """
    return tuple(_found(match[0], match.start()) for match in _MEANT.finditer(prompt))


def without_directives(prompt: str) -> str:
    """Return the prompt without its tags, everything else untouched: what the text encoder reads."""
    return _MEANT.sub("", prompt)


def _found(text: str, start: int) -> Found:
    try:
        return Found(parse_directive(text, start), None, text, start, start + len(text))
    except DirectiveError as error:
        return Found(None, error, text, start, start + len(text))
