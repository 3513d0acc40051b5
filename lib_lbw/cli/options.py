"""Options that several commands take."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.books import element_book, preset_book
from lib_lbw.cli.values import number, positive

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

DTYPES = ("float32", "float16", "bfloat16")
PREDICTIONS = ("epsilon", "v_prediction")


def command(commands: "Commands", name: str, help: str, run: Any) -> argparse.ArgumentParser:
    """Add a command with `--json`; `run(arguments)` carries it out and returns the exit status."""
    added: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    added.add_argument("--json", action="store_true", help="write one JSON document instead of text")
    added.set_defaults(run=run)
    return added


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add what decides which LoRAs are known by name."""
    parser.add_argument(
        "--lora-dir", metavar="DIR", type=Path, action="append", default=[], help="a folder of LoRAs (with subfolders)"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add what decides which model draws, and where."""
    parser.add_argument(
        "--checkpoint",
        metavar="FILE|DIR",
        type=Path,
        help="the model: a safetensors file or a diffusers folder (default: the small model inside)",
    )
    add_library(parser)
    parser.add_argument("--device", help="cpu, cuda, mps (default: the best there is)")
    parser.add_argument("--dtype", choices=DTYPES, help="(default: float16 on cuda, else float32)")
    parser.add_argument(
        "--prediction",
        choices=PREDICTIONS,
        help="what the checkpoint predicts (default: as it says; SD 2 of 768 px needs v_prediction)",
    )


def add_picture(parser: argparse.ArgumentParser) -> None:
    """Add the settings of a picture; what is not given suits the model."""
    parser.add_argument("--negative", metavar="TEXT", help="the negative prompt")
    parser.add_argument("--steps", metavar="N", type=positive)
    parser.add_argument("--cfg", metavar="SCALE", type=number, help="how strongly the prompt guides")
    parser.add_argument("--width", metavar="N", type=positive, help="in pixels")
    parser.add_argument("--height", metavar="N", type=positive, help="in pixels")
    parser.add_argument("--sampler", metavar="NAME")


def add_presets(parser: argparse.ArgumentParser) -> None:
    """Add files of presets; the option's value is the whole book, None for the shipped one."""
    option = parser.add_argument
    option("--presets", metavar="FILE", type=preset_book, help="a file of presets, beside those that are shipped")
    option("--elements", metavar="FILE", type=element_book, help="a file of elemental presets (lbwe=), likewise")


def add_strictness(parser: argparse.ArgumentParser) -> None:
    """Add what becomes of a tag that cannot be carried out."""
    parser.add_argument(
        "--on-bad-directive",
        choices=("stop", "ignore"),
        default="stop",
        help="stop, or ignore the weights of that tag (default: stop)",
    )
