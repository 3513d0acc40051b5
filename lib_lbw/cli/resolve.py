"""`lbw resolve '<lora:...>'`: the numbers that a directive means, before any picture is drawn."""

import argparse
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.books import elements_of, presets_of
from lib_lbw.cli.options import add_library, add_presets, command
from lib_lbw.cli.output import emit, table

if TYPE_CHECKING:
    from lib_lbw.blocks import Family
    from lib_lbw.cli.options import Commands
    from lib_lbw.lora.file import LoraFile
    from lib_lbw.weights.directive import Directive
    from lib_lbw.weights.resolve import BlockWeights


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "resolve", "say what numbers a directive means for every block or module", run)
    parser.add_argument("directive", metavar="DIRECTIVE", help="as in a prompt: '<lora:NAME:1:lbw=INS>'")
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--family", metavar="ID", help="sd1, sd2, sdxl, flux, chroma")
    model.add_argument("--lora", metavar="FILE|NAME", help="the file it is for (default: the LoRA of that name)")
    add_library(parser)
    parser.add_argument("--seed", type=int, default=0, help="decides R and U (default: 0)")
    add_presets(parser)
    parser.add_argument("--modules", action="store_true", help="a line for each module of the file")


def run(arguments: argparse.Namespace) -> int:
    """Write one number per block, or per module, and whatever the user may not expect."""
    from lib_lbw.errors import LbwError
    from lib_lbw.weights.grammar import format_directive, parse_directive
    from lib_lbw.weights.resolve import resolve

    directive = parse_directive(arguments.directive)
    family, lora = target(arguments, directive)
    if arguments.modules and lora is None:
        raise LbwError("--modules needs a file: give --lora instead of --family")
    weights = resolve(
        directive,
        family,
        presets=presets_of(arguments),
        elements=elements_of(arguments),
        seed=arguments.seed,
        present=None if lora is None else tuple(lora.blocks),
    )
    scales = [(str(m.id), weights.scale(m.id, family)) for m in lora.modules] if arguments.modules and lora else []
    data = {
        **weights.to_json(),
        "notices": [str(notice) for notice in weights.notices],
        "resolved": format_directive(weights.resolved()),
        **({"modules": dict(scales)} if scales else {}),
    }
    emit(arguments, data, described(weights, data["resolved"], family, lora, scales))
    return 0


def target(arguments: argparse.Namespace, directive: "Directive") -> "tuple[Family, LoraFile | None]":
    """Return the family to resolve for, and the file when there is one."""
    from lib_lbw.blocks import family
    from lib_lbw.cli.library import find_lora, known_loras, named_lora
    from lib_lbw.lora.file import LoraFile

    if arguments.family:
        return family(arguments.family), None
    loras = known_loras(arguments.lora_dir)
    path = named_lora(directive.name, loras) if arguments.lora is None else find_lora(arguments.lora, loras)
    lora = LoraFile(path)
    return lora.family, lora


def described(
    weights: "BlockWeights", resolved: str, family: "Family", lora: "LoraFile | None", scales: list[tuple[str, float]]
) -> str:
    """Return the numbers as a table, then the directive with numbers only, then the notices."""
    rows: list[list[str]]
    if scales:
        head, rows = ["MODULE", "SCALE"], [[name, f"{scale:g}"] for name, scale in scales]
    else:
        head = ["BLOCK", "WEIGHT", "SCALE"] + (["MODULES"] if lora else [])
        rows = [_block_row(leaf, weight, weights, family, lora) for leaf, weight in weights.weights]
    notices = [f"note: {notice}" for notice in weights.notices]
    lines = [f"{family.title}, {resolved}", "", table(head, rows)]
    return "\n".join([*lines, *([""] if notices else []), *notices])


def _block_row(
    leaf: str, weight: float, weights: "BlockWeights", family: "Family", lora: "LoraFile | None"
) -> list[str]:
    multiplier = weights.te if leaf in family.components.values() else weights.unet
    row: list[Any] = [leaf, f"{weight:g}", f"{weight * multiplier:g}"]
    return row + ([str(len(lora.blocks.get(leaf, ())))] if lora else [])
