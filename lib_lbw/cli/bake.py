"""`lbw bake A:1:lbw=INS --out NAME`: block weights put into a LoRA file, so that no tag needs them."""

import argparse
from typing import TYPE_CHECKING

from lib_lbw.cli.merge_items import sources_of
from lib_lbw.cli.merge_options import ITEM, add_making, add_output, output_of
from lib_lbw.cli.merging import carry_out
from lib_lbw.cli.options import command

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "bake", "put weights into a LoRA file; its tensors stay bit for bit where they can", run)
    parser.epilog = "Example: lbw bake style:1:lbw=OUTALL --out style-out --lora-dir models/Lora"
    parser.add_argument("lora", metavar="LORA", help=ITEM)
    add_output(parser)
    add_making(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the weighed file."""
    from lib_lbw.merge.recipe import Recipe

    recipe = Recipe(
        operation="bake",
        sources=sources_of(arguments, [arguments.lora]),
        output=output_of(arguments),
        dtype=arguments.dtype,
        base=arguments.base,
        leave_out=arguments.leave_out,
    )
    return carry_out(arguments, recipe)
