"""`lbw resize A --rank 16 --out NAME`: the same LoRA with fewer ranks, or in a smaller file."""

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
    parser = command(commands, "resize", "make a LoRA file smaller, losing as little as that allows", run)
    parser.epilog = "Example: lbw resize style --size 60MB --out style-small --lora-dir models/Lora"
    parser.add_argument("lora", metavar="LORA", help=ITEM)
    add_output(parser)
    add_ranks(parser)
    add_making(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the smaller file."""
    from lib_lbw.merge.recipe import Recipe

    recipe = Recipe(
        operation="resize",
        sources=sources_of(arguments, [arguments.lora]),
        output=output_of(arguments),
        ranks=ranks_of(arguments),
        dtype=arguments.dtype,
        base=arguments.base,
        leave_out=arguments.leave_out,
    )
    return carry_out(arguments, recipe)
