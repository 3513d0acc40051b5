"""`lbw app`: the app in the browser."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lib_lbw.cli.options import add_model, add_presets, command
from lib_lbw.cli.values import port

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "app", "open the app at 127.0.0.1 in the browser", run)
    parser.add_argument("--port", metavar="N", type=port, help="(default: the first free one from 7860)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    add_presets(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load the model, then serve until Ctrl+C."""
    from lib_lbw.cli.library import known_loras
    from lib_lbw.cli.opening import open_session
    from lib_lbw.ui.app import launch

    loras = known_loras(arguments.lora_dir, embedded=arguments.checkpoint is None)
    launch(
        open_session(arguments, loras),
        port=arguments.port,
        browser=not arguments.no_browser,
        checkpoint=arguments.checkpoint and Path(arguments.checkpoint),
    )
    return 0
