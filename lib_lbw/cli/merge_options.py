"""Options of the commands that make a LoRA file of others."""

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lib_lbw.cli.options import add_library, add_presets
from lib_lbw.cli.values import number, positive, seed
from lib_lbw.errors import MergeError

if TYPE_CHECKING:
    import torch

    from lib_lbw.merge.destination import Replace
    from lib_lbw.merge.recipe import Method, Ranks

DTYPES = ("auto", "fp16", "bf16", "fp32")
METHODS = ("sum", "ties", "dare", "common", "unique")
RULES = ("sv_ratio", "sv_fro", "sv_cumulative")
ITEM = "a LoRA with its weight: NAME:0.7:lbw=INS, a file in place of the name, or a tag as in a prompt"
_OF_METHOD = {"density": ("ties", "dare"), "average": ("ties",), "method_seed": ("dare",)}
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where the result goes, and how it is stored."""
    option = parser.add_argument
    option(
        "--out",
        metavar="NAME|FILE",
        required=True,
        help="the new LoRA: a name in the first --lora-dir (else in this folder), or a path",
    )
    add_common(parser)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what every such command takes besides the place of the result."""
    option = parser.add_argument
    option("--overwrite", action="store_true", help="replace an older file of that name")
    option("--overwrite-input", action="store_true", help="even when it is one of the files that go in")
    option("--dry-run", action="store_true", help="say what would be done, and do nothing")
    option("--measure", action="store_true", help="with --dry-run: where each LoRA acts, and how alike they are")
    option("--yes", action="store_true", help="do not ask")
    add_device(parser)
    add_library(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add where it is computed."""
    parser.add_argument("--device", default="cpu", help="compute on cpu or cuda; the result is the same (default: cpu)")


def add_making(parser: argparse.ArgumentParser) -> None:
    """Add precision, the base checkpoint and what decides weights."""
    option = parser.add_argument
    option("--dtype", choices=DTYPES, default="auto", help="how numbers are stored (default: auto, as in the sources)")
    option(
        "--base",
        metavar="FILE",
        type=Path,
        help="the checkpoint the LoRAs were made for: with it DoRA, OFT, IA3 and GLoRA are turned into plain LoRA",
    )
    option("--leave-out", action="store_true", help="leave out modules that cannot be merged, instead of stopping")
    option("--seed", metavar="N", type=seed, default=0, help="decides R and U in weights (default: 0)")
    add_presets(parser)


def add_ranks(parser: argparse.ArgumentParser) -> None:
    """Add how large the result may become."""
    option = parser.add_argument
    option("--rank", metavar="N", type=positive, help="at most so many ranks (default: as many as an exact sum has)")
    option("--conv-rank", metavar="N", type=positive, help="at most so many in 3x3 convolutions (default: --rank)")
    option("--te-rank", metavar="N", type=positive, help="at most so many in text encoders (default: --rank)")
    option(
        "--block-rank",
        metavar="BLOCKS=N",
        type=block_rank,
        action="append",
        default=[],
        help="at most so many in these blocks, as OUT03-OUT05=8; again for others",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--sv-ratio", metavar="Q", type=number, help="drop what is Q times weaker than the strongest")
    choice.add_argument("--sv-fro", metavar="Q", type=number, help="keep the share Q of the norm, as 0.99")
    choice.add_argument("--sv-cumulative", metavar="Q", type=number, help="keep the share Q of the singular values")
    choice.add_argument("--size", metavar="N", type=size_in_bytes, help="at most so large a file: 100MB")
    option("--relative", action="store_true", help="with --size: weigh what is lost by the layers of --base")


def add_method(parser: argparse.ArgumentParser) -> None:
    """Add how several become one."""
    option = parser.add_argument
    option("--method", choices=METHODS, default="sum", help="(default: sum, exactly what the prompt would add)")
    option("--density", metavar="N", type=number, help="share that ties and dare keep (default: 0.5)")
    option("--average", action="store_true", help="ties: average what agrees instead of adding it")
    option("--method-seed", metavar="N", type=seed, help="dare: which entries are kept (default: 0)")


def ranks_of(arguments: argparse.Namespace) -> "Ranks":
    """Return the ranks that the options ask for. Raises MergeError for an impossible number."""
    from lib_lbw.merge.recipe import Ranks
    from lib_lbw.merge.recipe_json import named_rule

    rules = [(name, getattr(arguments, name)) for name in RULES if getattr(arguments, name) is not None]
    rule = named_rule(*rules[0]) if rules else None
    caps = (arguments.rank, arguments.conv_rank, arguments.te_rank)
    return Ranks(*caps, rule, arguments.size, arguments.relative, tuple(arguments.block_rank))


def block_rank(text: str) -> tuple[str, int]:
    """Read BLOCKS=N. Raises ArgumentTypeError."""
    area, sign, rank = text.partition("=")
    if not sign or not area.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no rank of blocks; write OUT03-OUT05=8")
    return area.strip(), positive(rank)


def method_of(arguments: argparse.Namespace) -> "Method":
    """Return the method that the options ask for.

    Raises MergeError for an impossible density, and for an option that the method does not look at.
    """
    from lib_lbw.merge.recipe import Method

    values = {name: getattr(arguments, name) for name in _OF_METHOD}
    given = {name: value for name, value in values.items() if value is not None and value is not False}
    for name in given:
        if arguments.method not in _OF_METHOD[name]:
            raise MergeError(
                "--{option} is for --method {methods}, and changes nothing for {method}; leave it out",
                option=name.replace("_", "-"),
                methods=" and ".join(_OF_METHOD[name]),
                method=arguments.method,
            )
    return Method(arguments.method, **{name.removeprefix("method_"): value for name, value in given.items()})


def device_of(arguments: argparse.Namespace) -> "torch.device":
    """Return where to compute. Raises MergeError, naming what there is, for a device that cannot be used here."""
    from lib_lbw.merge.device import usable

    return usable(arguments.device)


def replace_of(arguments: argparse.Namespace) -> "Replace":
    """Return what may be overwritten."""
    if arguments.overwrite_input:
        return "input"
    return "file" if arguments.overwrite else "nothing"


def output_of(arguments: argparse.Namespace) -> Path:
    """Return the file of `--out`: a name in the first folder of LoRAs, or a path.

    Raises MergeError for a folder, and for what no file may be called.
    """
    from lib_lbw.merge.destination import file_in

    if arguments.lora_dir and Path(arguments.out).name == arguments.out != "..":
        return file_in(arguments.lora_dir[0], arguments.out)
    return file_at(arguments.out)


def file_at(text: str) -> Path:
    """Return the file of a path. Raises MergeError for a folder, and for what no file may be called."""
    from lib_lbw.merge.destination import file_in

    path = Path(text)
    if text and (text.endswith(("/", os.sep)) or path.is_dir()):
        raise MergeError("{path} is a folder; write the name of a file in it", path=text)
    return file_in(path.parent, path.name)


def size_in_bytes(text: str) -> int:
    """Read 100MB, 1.5GB or a number of bytes."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgG]?[bB]?)", text.strip())
    unit = match[2].upper() if match else ""
    if match is None or (unit not in _UNITS and f"{unit}B" not in _UNITS):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 100MB, 1.5GB or a number of bytes")
    size = float(match[1]) * _UNITS[unit if unit in _UNITS else f"{unit}B"]
    if size < 1:
        raise MergeError("a file of {size} bytes is impossible.", size=text)
    return int(size)
