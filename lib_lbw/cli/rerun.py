"""`lbw rerun FILE`: the recipe inside a merged file, carried out again."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from lib_lbw.cli.library import find_lora, known_loras
from lib_lbw.cli.merge_options import add_common, output_of
from lib_lbw.cli.merging import carry_out
from lib_lbw.cli.options import command

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "rerun", "carry out the recipe inside a merged LoRA file again", run)
    parser.epilog = "Example: lbw rerun mine.safetensors --out again --lora-dir models/Lora"
    parser.add_argument("lora", metavar="FILE|NAME", help="a file made by merge, bake, slider or resize")
    parser.add_argument("--out", metavar="NAME|FILE", help="the new file (default: the old one, with --overwrite)")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find the sources, wherever they lie now, and write the file again."""
    from lib_lbw.merge.stored import find_sources, recipe_of

    path = find_lora(arguments.lora, known_loras(arguments.lora_dir))
    recipe = find_sources(recipe_of(path), [*arguments.lora_dir, path.parent])
    output = path if arguments.out is None else output_of(arguments)
    return carry_out(arguments, replace(recipe, output=output))
