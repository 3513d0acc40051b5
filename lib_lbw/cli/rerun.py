"""`lbw rerun FILE`: the recipe inside a merged file, carried out again."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lib_lbw.cli import extract, into_checkpoint, merging
from lib_lbw.cli.library import find_lora, known_loras
from lib_lbw.cli.merge_options import add_common, output_of
from lib_lbw.cli.options import command
from lib_lbw.errors import MergeError

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands
    from lib_lbw.merge.checkpoint.encoders import Choice
    from lib_lbw.merge.stored import Stored


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "rerun", "carry out the recipe inside a merged file again", run)
    parser.epilog = "Example: lbw rerun mine.safetensors --out again --lora-dir models/Lora"
    parser.add_argument("lora", metavar="FILE|NAME", help="a file made by this program, a LoRA or a checkpoint")
    parser.add_argument("--out", metavar="NAME|FILE", help="the new file (default: the old one, with --overwrite)")
    parser.add_argument("--base", metavar="FILE", type=Path, help="where the checkpoint of the recipe lies now")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find what went in, wherever it lies now, and write the file again."""
    from lib_lbw.merge.destination import SUFFIX
    from lib_lbw.merge.stored import find_sources, stored_in

    known = known_loras(arguments.lora_dir)
    path = find_lora(arguments.lora, known)
    stored = stored_in(path)
    if arguments.out is None and not (arguments.overwrite or arguments.dry_run):
        raise MergeError("{path} would be written anew: allow it with --overwrite, or name another --out", path=path)
    recipe = stored.recipe if arguments.base is None else replace(stored.recipe, base=arguments.base)
    files = [*known.values(), *Path().glob(f"*{SUFFIX}")]
    recipe = find_sources(recipe, [*arguments.lora_dir, path.parent], files)
    output = path if arguments.out is None else output_of(arguments)
    arguments.overwrite |= arguments.dry_run and arguments.out is None  # then nothing is written
    return _carry_out(arguments, replace(stored, recipe=replace(recipe, output=output)))


def _carry_out(arguments: argparse.Namespace, stored: "Stored") -> int:
    recipe, result = stored.recipe, stored.result
    if recipe.operation == "extract":
        from lib_lbw.merge.checkpoint.extract_plan import Extraction

        encoders: dict[str, Choice] = {
            name: "yes" if told["taken"] else "no" for name, told in result.get("encoders", {}).items()
        }
        return extract.carry_out(arguments, Extraction(recipe, encoders, bool(result.get("biases"))))
    if recipe.operation == "into-checkpoint":
        return into_checkpoint.carry_out(arguments, recipe, result.get("rounding_seed"))
    return merging.carry_out(arguments, recipe)
