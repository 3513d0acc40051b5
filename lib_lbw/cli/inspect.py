"""`lbw inspect FILE`: what is in a LoRA file."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.options import add_library, command
from lib_lbw.cli.output import emit, size, table

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "inspect", "say what is in a LoRA file: family, blocks, ranks, algorithms", run)
    parser.add_argument("lora", metavar="FILE|NAME", help="a safetensors file, or a LoRA known by name")
    add_library(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the summary of one file."""
    from lib_lbw.cli.library import find_lora, known_loras
    from lib_lbw.lora.file import LoraFile

    lora = LoraFile(find_lora(arguments.lora, known_loras(arguments.lora_dir)))
    summary = lora.summary()
    emit(arguments, summary, described(summary, lora.family.title))
    return 0


def described(summary: Mapping[str, Any], family: str) -> str:
    """Return the summary as lines and a table of blocks."""
    facts = [
        ("file", f"{summary['path']} ({size(summary['bytes'])})"),
        ("family", f"{family}. {summary['family_reason']}"),
        ("modules", f"{summary['modules']} ({_counted(summary['components'])})"),
        ("algorithm", _counted(summary["algorithms"]) + _extras(summary)),
        ("rank", _counted(summary["ranks"]) or "-"),
        ("alpha", _counted(summary["alphas"]) or "none, so the strength is 1"),
        ("stored as", _counted(summary["dtypes"])),
        ("not in it", " ".join(summary["absent"]) or "-"),
    ]
    if summary["unknown_keys"]:
        facts.append(("unknown", f"{len(summary['unknown_keys'])} keys, as {summary['unknown_keys'][0]}"))
    rows = [[name, str(held["modules"]), size(held["bytes"])] for name, held in summary["blocks"].items()]
    lines = [f"{name:<10} {value}" for name, value in facts]
    return "\n".join([*lines, "", table(["BLOCK", "MODULES", "SIZE"], rows)])


def _counted(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} x{count}" for name, count in counts.items())


def _extras(summary: Mapping[str, Any]) -> str:
    extras = [
        f"{name} in {summary[key]}" for key, name in (("dora", "DoRA"), ("tucker", "Tucker core")) if summary[key]
    ]
    return f", {', '.join(extras)}" if extras else ""
