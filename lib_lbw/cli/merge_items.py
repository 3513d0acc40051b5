"""LoRAs with their weights, as they are written on the command line."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lib_lbw.cli.library import find_lora, known_loras, named_lora
from lib_lbw.errors import MergeError

if TYPE_CHECKING:
    from lib_lbw.merge.recipe import Source

_FILE = re.compile(r"(.*?\.safetensors)(:.*|)", re.IGNORECASE | re.DOTALL)


def sources_of(arguments: argparse.Namespace, items: Sequence[str], prompt: str | None = None) -> "tuple[Source, ...]":
    """Return the sources that the items and the tags of the prompt name, in this order.

    Raises DirectiveError, LoraFileError with the nearest name, and MergeError for a prompt without a tag.
    """
    loras = known_loras(arguments.lora_dir)
    found = [read_item(item, loras, arguments.seed) for item in items]
    return (*found, *_of_prompt(prompt, loras, arguments.seed))


def read_item(text: str, loras: Mapping[str, Path], seed: int = 0) -> "Source":
    """Return the source that one item names: <lora:NAME:0.7:lbw=INS>, NAME:0.7:lbw=INS or FILE.safetensors:0.7.

    Raises DirectiveError, LoraFileError with the nearest name, and MergeError for an item without a name.
    """
    from lib_lbw.merge.sources import source_of
    from lib_lbw.weights.grammar import parse_directive

    if text.lstrip().startswith("<"):
        directive = parse_directive(text.strip())
        return source_of(directive, named_lora(directive.name, loras), seed)
    file = _FILE.fullmatch(text)
    name, items = (file[1], file[2]) if file else _split(text)
    if not name.strip():
        raise MergeError("{text!r} names no LoRA; write NAME:0.7, or a file in place of NAME", text=text)
    path = find_lora(name, loras)
    spoken = re.sub("[:<>]", "_", path.stem).strip() or "_"
    return source_of(parse_directive(f"<lora:{spoken}{items}>"), path, seed)


def _split(text: str) -> tuple[str, str]:
    name, colon, items = text.partition(":")
    return name, colon + items


def _of_prompt(prompt: str | None, loras: Mapping[str, Path], seed: int) -> "list[Source]":
    from lib_lbw.merge.sources import source_of
    from lib_lbw.weights.grammar import find_directives

    if prompt is None:
        return []
    found = []
    for each in find_directives(prompt):
        if each.error is not None:
            raise each.error
        if each.directive is not None:
            found.append(source_of(each.directive, named_lora(each.directive.name, loras), seed))
    if not found:
        raise MergeError("the prompt names no LoRA: {prompt!r}", prompt=prompt)
    return found
