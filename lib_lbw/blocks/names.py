"""From every known spelling of a module name to its `ModuleId`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

from lib_lbw.blocks.dit import dit_path
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.resources import read_data
from lib_lbw.blocks.rules import misread, rewrite, rule
from lib_lbw.blocks.similar import similarity
from lib_lbw.errors import KeyNameError

_ANY = "any"
_DENOISER = "denoiser"
_DIT = "dit"
_TYPING_ERROR = 0.8
"""A prefix this near (difflib ratio) to the beginning of a name is what the name was meant to begin with."""


@lru_cache(maxsize=65536)
def parse_module(name: str) -> ModuleId:
    """Return the module that `name` names, in whatever known spelling.

    A name is a prefix joined by "_" (`lora_unet_`, `lora_te1_`, `lycoris_`), or any number of wrappers joined by "."
    (`unet.`, `base_model.model.`, `model.diffusion_model.`), or neither; then a body that one grammar must explain
    from end to end. Raises KeyNameError, with the part that is not understood and the nearest right name.
    """
    scope, separator, body = _unwrapped(name)
    for grammar, component in read_data("spellings")["scopes"][scope]:
        path = dit_path(body, separator) if grammar == _DIT else rewrite(body, rule(grammar), separator)
        if path is not None:
            return ModuleId(component, path)
    raise _fault(name, body, scope, separator)


def is_flat(name: str) -> bool:
    """Whether the name begins with an underscore prefix (`lora_unet_`), so that its first point ends the module."""
    return any(name.startswith(f"{prefix}_") for prefix, _ in _longest_first("prefixes"))


def _unwrapped(name: str) -> tuple[str, str, str]:
    """Return (scope, separator, body): the grammars that may explain the body, and what joins its parts."""
    for prefix, scope in _longest_first("prefixes"):
        if name.startswith(f"{prefix}_"):
            return scope, "_", name[len(prefix) + 1 :]
    scope, body = _ANY, name
    while (found := _wrapper(body, scope)) is not None:
        wrapper, inner = found
        scope = scope if inner == _ANY else inner
        body = body[len(wrapper) + 1 :]
    return scope, ".", body


def _wrapper(body: str, scope: str) -> tuple[str, str] | None:
    """Return the (wrapper, its scope) that `body` begins with; inside a text encoder only neutral wrappers count."""
    for wrapper, inner in _longest_first("wrappers"):
        if body.startswith(f"{wrapper}.") and (inner == _ANY or scope in (_ANY, _DENOISER)):
            return wrapper, inner
    return None


@cache
def _longest_first(table: str) -> tuple[tuple[str, str], ...]:
    entries: Mapping[str, str] = read_data("spellings")[table]
    return tuple(sorted(entries.items(), key=lambda entry: len(entry[0]), reverse=True))


def _fault(name: str, body: str, scope: str, separator: str) -> KeyNameError:
    """Return the error for a name that no grammar of its scope explains, from the grammar that came furthest."""
    read = [
        misread(body, rule(grammar), separator)
        for grammar, _ in read_data("spellings")["scopes"][scope]
        if grammar != _DIT
    ]
    best = min(read, key=lambda each: (len(each.rest), -each.ratio))
    part, near = best.rest, best.near
    if near is not None:
        near = name.removesuffix(body) + near
    elif part == name:
        near = _nearest_head(name)
    if near is None:
        text = "{name!r} is no module name of a known model: {part!r} is not understood"
        return KeyNameError(text, name=name, part=part)
    text = "{name!r} is no module name of a known model: {part!r} is not understood; the nearest is {nearest!r}"
    return KeyNameError(text, name=name, part=part, nearest=near)


def _nearest_head(name: str) -> str | None:
    """Return the prefix or wrapper that the beginning of `name` is a typing error of, or None."""
    heads = [
        *(f"{prefix}_" for prefix, _ in _longest_first("prefixes")),
        *(f"{wrapper}." for wrapper, _ in _longest_first("wrappers")),
    ]
    best, best_ratio = None, _TYPING_ERROR
    for head in heads:
        ratio = similarity(head, name[: len(head)], best_ratio)
        if ratio:
            best, best_ratio = head, ratio
    return best
