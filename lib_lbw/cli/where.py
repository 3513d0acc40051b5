"""`lbw where KEY...`: which layer a key of a LoRA file names, and in which block it lies."""

import argparse
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.options import command
from lib_lbw.cli.output import complain, emit, table

if TYPE_CHECKING:
    from lib_lbw.blocks import Family, ModuleId
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "where", "say which layer and block a key of a LoRA file names", run)
    parser.add_argument("keys", metavar="KEY", nargs="+", help="a tensor or module name, in any known spelling")
    parser.add_argument(
        "--family", metavar="ID", help="sd1, sd2, sdxl, flux, chroma (default: all that have the layer)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write module, role and block of every key. A key may lie in different blocks of different families.

    A key of no known spelling is complained of, and does not keep the others from being shown.
    """
    from lib_lbw.blocks import family

    only = family(arguments.family) if arguments.family else None
    entries = [described(key, only) for key in arguments.keys]
    rows = [
        [entry["key"], entry["module"], entry["role"] or "-", block, _shortened(families)]
        for entry in entries
        for block, families in entry.get("blocks", {}).items()
    ]
    if rows or arguments.json:
        emit(arguments, entries, table(["KEY", "MODULE", "ROLE", "BLOCK", "FAMILY"], rows))
    faults = [entry["error"] for entry in entries if "error" in entry]
    return max(map(complain, faults), default=0)


def described(key: str, only: "Family | None") -> dict[str, Any]:
    """Return what `look_up` finds, or the key and why there is nothing to find as `error`."""
    from lib_lbw.errors import KeyNameError

    try:
        return look_up(key, only)
    except KeyNameError as error:
        return {"key": key, "error": str(error)}


def look_up(key: str, only: "Family | None") -> dict[str, Any]:
    """Return what is known of one key; `blocks` maps block -> ids of the families where it lies there.

    Raises KeyNameError for a name of no known spelling.
    """
    from lib_lbw.blocks import block_of, parse_key, parse_module
    from lib_lbw.errors import KeyNameError

    try:
        parsed = parse_key(key)
        module, role = parsed.module, parsed.role
    except KeyNameError:
        module, role = parse_module(key), ""
    blocks: dict[str, list[str]] = {}
    for each in [only] if only else homes(module):
        blocks.setdefault(block_of(module, each), []).append(each.id)
    return {"key": key, "module": str(module), "component": module.component, "role": role, "blocks": blocks}


def homes(module: "ModuleId") -> "list[Family]":
    """Return the families that have a block for the module; if none has one, those with such a component."""
    from lib_lbw.blocks import OTHER, block_of, families, generic_family
    from lib_lbw.errors import FamilyError

    if module.component == "transformer":
        try:
            return [generic_family([module])]
        except FamilyError:
            return [each for each in families() if not _has_unet(each)]
    if module.component == "unet":
        likely = [each for each in families() if _has_unet(each)]
    else:
        likely = [each for each in families() if module.component in each.components]
    return [each for each in likely if block_of(module, each) != OTHER] or likely


def _has_unet(family: "Family") -> bool:
    return "down_blocks.0.resnets.0" in family.places


def _shortened(families: list[str], most: int = 4) -> str:
    more = len(families) - most
    return " ".join(families[:most]) + (f" and {more} more" if more > 0 else "")
