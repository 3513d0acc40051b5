"""The family of a newer diffusion transformer, read from its modules.

The numbered lists of modules are the block lists (the longest is the main one), named parts stand beside them: what
comes before the blocks is IN, what comes after is OUT. A model whose lists and names are in `data/dit.json` gets its
name and its full number of blocks; any other is "dit:unknown", with as many blocks as the file shows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from lib_lbw.blocks.family import Family, family
from lib_lbw.blocks.kinds import BlockList, build_family, recognise
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.resources import read_data
from lib_lbw.blocks.rules import NUMBER
from lib_lbw.errors import FamilyError

UNKNOWN = "dit:unknown"
_RESERVED = ("IN", "OUT", "BASE", "OTHER")
_TITLE = "unknown transformer"


def generic_family(modules: Iterable[ModuleId]) -> Family:
    """Return the family of a diffusion transformer with these modules; text encoders and U-Nets are passed over.

    Flux.1 is recognised here too. Raises FamilyError when no module is in a numbered list.
    """
    paths = [module.path.split(".") for module in modules if module.component == "transformer"]
    found, children = block_lists(paths)
    if not found:
        raise FamilyError("none of the {count} transformer modules is in a numbered list of blocks", count=len(paths))
    known = recognise(found, children)
    if known is not None:
        return family(known)
    ordered = sorted(found, key=lambda name: (found[name], name))
    taken: dict[str, str] = {}
    for name in ordered:
        taken[_prefix(name, taken)] = name
    lists = [BlockList((name,), prefix, found[name]) for prefix, name in taken.items()]
    return build_family(UNKNOWN, _TITLE, lists, _named_parts(paths, found))


def block_lists(paths: Iterable[list[str]]) -> tuple[dict[str, int], set[str]]:
    """Return (list name -> highest number + 1, what follows the numbers) of paths cut at their points."""
    beside = {*read_data("dit")["inputs"], *read_data("dit")["outputs"]}
    found: dict[str, int] = {}
    children: set[str] = set()
    for parts in paths:
        if len(parts) > 2 and NUMBER.fullmatch(parts[1]) and parts[0] not in beside:
            found[parts[0]] = max(found.get(parts[0], 0), int(parts[1]) + 1)
            children.add(".".join(parts[2:]))
    return found, children


def _named_parts(paths: Iterable[list[str]], lists: Collection[str]) -> dict[str, list[str]]:
    """Return block name -> [part] of the parts that are neither lists, nor inputs, nor outputs."""
    known = {*lists, *read_data("dit")["inputs"], *read_data("dit")["outputs"]}
    labels = {re.sub(r"\W|_", "", name).upper(): [name] for name in sorted({parts[0] for parts in paths} - known)}
    return {label: names for label, names in labels.items() if label not in _RESERVED}


def _prefix(name: str, taken: Collection[str]) -> str:
    """Return the prefix of the block names of a list: from the data, or the initials of its words."""
    initials = "".join(word[0] for word in name.split("_") if word).upper()
    prefix: str = read_data("dit")["prefixes"].get(name, initials)
    return name.replace("_", "").upper() if prefix in taken else prefix
