"""Presets out of whatever people paste: preset lines, prompts, parameters of pictures, vectors of others, recipes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lib_lbw.errors import DirectiveError, StoreError
from lib_lbw.weights.grammar import find_directives, format_weights
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.parser import parse_weights
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.terms import PresetTerm, Terms, Vector, Weights, check_name

NAMELESS = "imported"

_INSPIRE = {28: 12, 22: 9}
"""Length of a vector of the ComfyUI Inspire Pack -> inputs, and outputs: BASE, inputs, three for MID, outputs."""


@dataclass(frozen=True)
class Imported:
    """What was found: names with weights, as a preset line has them, and what there is to say of it.

    `elements`: the text when it is one of elemental presets.
    """

    presets: tuple[tuple[str, str], ...]
    notices: tuple[Notice, ...] = ()
    elements: str = ""


def read_import(text: str) -> Imported:
    """Find presets in a text. Raises StoreError when there are none.

    A recipe in JSON gives one preset for each of its sources; a prompt, or a picture's parameters, one for each LoRA
    with weights, named after the LoRA (the resolved numbers, where both are there); else every line is a preset line
    or a bare vector, or the text is one of elemental presets.
    """
    found = _recipe(text) or _prompt(text) or _lines(text)
    if not found.presets and ElementBook.parse(text).names():
        return Imported((), elements=text)
    if not found.presets:
        raise StoreError("no presets are found in this text")
    return found


def _recipe(text: str) -> Imported | None:
    try:
        recipe = json.loads(text)
    except ValueError:
        return None
    sources = recipe.get("sources") if isinstance(recipe, dict) else None
    return Imported(tuple(_of_sources(sources))) if isinstance(sources, list) else None


def _of_sources(sources: list[Any]) -> Iterator[tuple[str, str]]:
    for source in sources:
        if isinstance(source, dict) and isinstance(source.get("weights"), str) and source["weights"]:
            yield _name(PurePath(str(source.get("path") or source.get("name") or "")).stem), source["weights"]


def _prompt(text: str) -> Imported | None:
    """Take each LoRA's last tag with weights: in a picture's parameters the numbers stand after the prompt."""
    last: dict[str, Weights] = {}
    for found in find_directives(text):
        if found.directive and found.directive.weights and not _is_name(found.directive.weights):
            last[_name(found.directive.name)] = found.directive.weights
    return Imported(tuple((name, format_weights(weights)) for name, weights in last.items())) if last else None


def _is_name(weights: Weights) -> bool:
    return isinstance(weights, Terms) and all(isinstance(term, PresetTerm) for term in weights.terms)


def _lines(text: str) -> Imported:
    presets: list[tuple[str, str]] = []
    notices: list[Notice] = []
    for line in PresetBook.parse(text).lines:
        name, weights = line.name, line.content
        if weights is None:
            name, weights = NAMELESS, _bare(line.text)
        if name is None or weights is None:
            if line.fault:
                notices.append(Notice.of("{reason}", reason=str(line.fault)))
            continue
        if isinstance(weights, Vector) and len(weights.values) in _INSPIRE:
            weights, notice = _from_inspire(name, weights)
            notices += notice
        presets.append((name, format_weights(weights)))
    return Imported(tuple(presets), tuple(notices))


def _bare(line: str) -> Weights | None:
    """Read a line that is a vector without a name."""
    try:
        weights = parse_weights(line.strip())
    except DirectiveError:
        return None
    return weights if isinstance(weights, Vector) else None


def _from_inspire(name: str, vector: Vector) -> tuple[Vector, list[Notice]]:
    """Take the middle one of the three values for MID: it is the transformer's, the others are convolutions."""
    side = _INSPIRE[len(vector.values)]
    middle = vector.values[side + 1 : side + 4]
    kept = (*vector.values[: side + 1], middle[1], *vector.values[side + 4 :])
    if len(set(middle)) == 1:
        return Vector(kept), []
    told = ", ".join(map(str, middle))
    notice = Notice.of("{name} had {values} for the three parts of MID: MID takes the second", name=name, values=told)
    return Vector(kept), [notice]


def _name(text: str) -> str:
    """Turn the name of a file into one that a preset can have."""
    name = "".join("-" if letter in ":<>=#{}|$,@" else letter for letter in text).replace("__", "_").strip()
    try:
        return check_name(name)
    except DirectiveError:
        return NAMELESS
