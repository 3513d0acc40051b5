"""`lbw loras`: the LoRAs that a prompt can name."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.options import add_library, command
from lib_lbw.cli.output import emit, size, table

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    add_library(command(commands, "loras", "list the LoRAs that a prompt can name", run))


def run(arguments: argparse.Namespace) -> int:
    """Write a line for each: the embedded model's, then those of the folders. A faulty file is listed as such."""
    from lib_lbw.cli.library import known_loras

    entries = [described(name, path) for name, path in known_loras(arguments.lora_dir).items()]
    rows = [
        [entry["name"], entry.get("family", "faulty"), *_facts(entry), entry.get("error", entry["path"])]
        for entry in entries
    ]
    emit(arguments, entries, table(["NAME", "FAMILY", "MODULES", "RANK", "SIZE", "FILE"], rows))
    return 0


def described(name: str, path: Path) -> dict[str, Any]:
    """Return name, path, family, number of modules, ranks and bytes of a file, or name, path and `error`."""
    from lib_lbw.errors import LbwError
    from lib_lbw.lora.file import LoraFile

    entry: dict[str, Any] = {"name": name, "path": str(path)}
    try:
        lora = LoraFile(path)
    except LbwError as error:
        return {**entry, "error": str(error)}
    ranks = sorted({module.rank for module in lora.modules if module.rank is not None})
    return {**entry, "family": lora.family.id, "modules": len(lora.modules), "ranks": ranks, "bytes": lora.header.size}


def _facts(entry: dict[str, Any]) -> list[str]:
    if "error" in entry:
        return ["-", "-", "-"]
    ranks = entry["ranks"]
    span = f"{ranks[0]}-{ranks[-1]}" if len(ranks) > 1 else "".join(map(str, ranks)) or "-"
    return [str(entry["modules"]), span, size(entry["bytes"])]
