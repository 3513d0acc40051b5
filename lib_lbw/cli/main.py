"""Reads the words, runs the command, and turns what the user can mend into one sentence and exit status 2."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

from lib_lbw import __version__
from lib_lbw.cli import (
    analyze,
    app,
    bake,
    extract,
    generate,
    inspect,
    into_checkpoint,
    loras,
    merge,
    rerun,
    resize,
    resolve,
    slider,
    where,
)
from lib_lbw.cli.output import complain
from lib_lbw.errors import LbwError

COMMANDS = (
    *(app, analyze, generate, inspect, loras, resolve, where),
    *(merge, bake, slider, resize, extract, into_checkpoint, rerun),
)
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint as an LbwError."""
        option = re.match(r"argument (--[\w-]+).*: expected one argument", message)
        hint = f" (a value that begins with - is written {option[1]}=-1)" if option else ""
        raise LbwError("{message}{hint}; see {program} --help", message=message, hint=hint, program=self.prog)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; without a command the app starts.

    `words` are the words after the program's name, by default those of this process.
    """
    speak_utf8()
    words = list(sys.argv[1:] if words is None else words) or ["app"]
    try:
        arguments = parser().parse_args(words)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except LbwError as error:
        return complain(str(error))
    except BrokenPipeError:  # `lbw loras | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def parser() -> Parser:
    """Return the parser of all commands."""
    whole = Parser(prog="lbw", description="Weigh a LoRA block by block. Without a command the app opens.")
    whole.add_argument("--version", action="version", version=f"LoRA Block Weight {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return whole


def speak_utf8() -> None:
    """Write UTF-8 whatever the console's code page is; a character it cannot show never stops a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
