"""Options that several commands take."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

DTYPES = ("float32", "float16", "bfloat16")


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


def add_picture(parser: argparse.ArgumentParser) -> None:
    """Add the settings of a picture; what is not given suits the model."""
    parser.add_argument("--negative", metavar="TEXT", help="the negative prompt")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--cfg", metavar="SCALE", type=float, help="how strongly the prompt guides")
    parser.add_argument("--width", type=int, help="in pixels")
    parser.add_argument("--height", type=int, help="in pixels")
    parser.add_argument("--sampler", metavar="NAME")


def add_presets(parser: argparse.ArgumentParser) -> None:
    """Add files of presets."""
    parser.add_argument("--presets", metavar="FILE", type=Path, help="a file of presets, beside those that are shipped")
