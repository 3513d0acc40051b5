"""`lbw merge A:0.7:lbw=INS B:-0.4 --out NAME`: one LoRA file for what a prompt adds up."""

import argparse
from typing import TYPE_CHECKING

from lib_lbw.cli.merge_items import sources_of
from lib_lbw.cli.merge_options import (
    ITEM,
    add_making,
    add_method,
    add_output,
    add_ranks,
    method_of,
    output_of,
    ranks_of,
)
from lib_lbw.cli.merging import carry_out
from lib_lbw.cli.options import command

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "merge", "make one LoRA of several, each with its weights, as a prompt adds them", run)
    parser.epilog = "Example: lbw merge style:0.7:lbw=OUTALL face:-0.4 --out mine --lora-dir models/Lora"
    parser.add_argument("loras", metavar="LORA", nargs="*", help=ITEM)
    parser.add_argument("--prompt", metavar="TEXT", help="take the LoRAs and weights from the tags of a prompt")
    add_output(parser)
    add_ranks(parser)
    add_method(parser)
    add_making(parser)


def run(arguments: argparse.Namespace) -> int:
    """Merge into a file."""
    from lib_lbw.merge.recipe import Recipe

    recipe = Recipe(
        operation="merge",
        sources=sources_of(arguments, arguments.loras, arguments.prompt),
        output=output_of(arguments),
        method=method_of(arguments),
        ranks=ranks_of(arguments),
        dtype=arguments.dtype,
        base=arguments.base,
        leave_out=arguments.leave_out,
    )
    return carry_out(arguments, recipe)
