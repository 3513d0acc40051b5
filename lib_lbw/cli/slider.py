"""`lbw slider B A --out NAME`: what leads from A to B, and with a negative weight back again."""

import argparse
from typing import TYPE_CHECKING

from lib_lbw.cli.merge_items import sources_of
from lib_lbw.cli.merge_options import ITEM, add_making, add_output, add_ranks, output_of, ranks_of
from lib_lbw.cli.merging import carry_out
from lib_lbw.cli.options import command

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "slider", "make a LoRA of the difference B - A: +1 goes towards B, -1 towards A", run)
    parser.epilog = "Example: lbw slider smiling frowning --out smile-slider --rank 16 --lora-dir models/Lora"
    parser.add_argument("more", metavar="B", help=ITEM)
    parser.add_argument("less", metavar="A", help="what is taken away from it, likewise")
    add_output(parser)
    add_ranks(parser)
    add_making(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the difference."""
    from lib_lbw.merge.recipe import Recipe

    recipe = Recipe(
        operation="slider",
        sources=sources_of(arguments, [arguments.more, arguments.less]),
        output=output_of(arguments),
        ranks=ranks_of(arguments),
        dtype=arguments.dtype,
        base=arguments.base,
        leave_out=arguments.leave_out,
    )
    return carry_out(arguments, recipe)
