"""How the values of options are read. Raises ArgumentTypeError, whose sentence argparse puts behind the option."""

import argparse
import random
from pathlib import Path

from lib_lbw.errors import DirectiveError

TOO_LARGE = 2**63  # for a random generator


def positive(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def port(text: str) -> int:
    """Read the number of a TCP port."""
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number from 1 to 65535")
    return int(text)


def number(text: str) -> float:
    """Read a finite number, written as in a directive."""
    from lib_lbw.weights.number import parse_number

    try:
        return parse_number(text)
    except DirectiveError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seed(text: str) -> int:
    """Read a seed; -1 draws one."""
    if text == "-1":
        return random.randrange(2**32)
    if not text.isdecimal() or int(text) >= TOO_LARGE:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: a whole number, or -1 to draw one")
    return int(text)


def picture_file(text: str) -> Path:
    """Read where a picture goes: a PNG, which keeps the parameters, in a folder that is there or can be made."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text}: write a name that ends in .png, which keeps the parameters")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; write the name of a file in it")
    file = next((parent for parent in path.parents if parent.is_file()), None)
    if file is not None:
        raise argparse.ArgumentTypeError(f"{text}: {file} is a file, not a folder")
    return path
