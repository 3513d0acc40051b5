"""`lbw generate`: one picture of a prompt with directives."""

import argparse
from typing import TYPE_CHECKING

from lib_lbw.cli.options import add_model, add_picture, add_presets, add_strictness, command
from lib_lbw.cli.output import emit
from lib_lbw.cli.progress import Bar
from lib_lbw.cli.values import picture_file, seed

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "generate", "draw one picture of a prompt with LoRA tags", run)
    parser.add_argument("--prompt", metavar="TEXT", required=True, help="'a girl <lora:NAME:1:lbw=INS>'")
    parser.add_argument(
        "--seed", type=seed, default=0, help="of the picture, and of R and U; -1 draws one (default: 0)"
    )
    parser.add_argument("--out", metavar="FILE", type=picture_file, required=True, help="a .png file")
    add_picture(parser)
    add_presets(parser)
    add_strictness(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw, save the PNG with its parameters in it, and write those and the notices."""
    from lib_lbw.analysis.files import write_png
    from lib_lbw.cli.library import check_tags, known_loras
    from lib_lbw.cli.opening import open_session

    loras = known_loras(arguments.lora_dir, embedded=arguments.checkpoint is None)
    if arguments.on_bad_directive == "stop":
        check_tags(arguments.prompt, loras)
    session = open_session(arguments, loras)
    bar = Bar()
    try:
        result = session.generate(arguments.prompt, on_step=bar.show)
    finally:
        bar.close()
    write_png(arguments.out, result.image, result.parameters)
    notices = [str(notice) for notice in result.notices]
    data = {
        "file": str(arguments.out),
        "parameters": result.parameters,
        "weights": [weights.to_json() for weights in result.weights],
        "notices": notices,
    }
    emit(arguments, data, "\n".join([str(arguments.out), result.parameters, *(f"note: {each}" for each in notices)]))
    return 0
