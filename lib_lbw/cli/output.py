"""What commands write: a table for people, or one JSON document."""

import argparse
import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

GAP = "  "


def emit(arguments: argparse.Namespace, data: Any, text: str) -> None:
    """Write `data` as JSON when `--json` was given, else `text`; both end with a line end."""
    written = json.dumps(data, indent=2, ensure_ascii=False) if arguments.json else text
    sys.stdout.write(written.rstrip("\n") + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns under `head`; a column of numbers stands to the right. Wide letters count as two."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(_width, column)) for column in columns]
    right = [bool(rows) and all(map(_is_number, column[1:])) for column in columns]
    return "\n".join(_line(row, widths, right) for row in (head, *rows))


def size(count: int) -> str:
    """Return a number of bytes as people read it: 27.2 MB."""
    if count < 1000:
        return f"{count} B"
    number, unit = float(count), 0
    while number >= 999.5:
        number, unit = number / 1000, unit + 1
    return f"{number:.3g} {' kMGT'[unit]}B"


def counted(count: int, thing: str) -> str:
    """Return a number of things: 1 module, 2 modules."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def notes(data: Mapping[str, Any]) -> list[str]:
    """Return a line for each of the notices that a plan or a result tells."""
    return [f"note: {notice}" for notice in data["notices"]]


def note(text: str) -> None:
    """Write one line to stderr, for people; results go to stdout."""
    said(f"{text}\n")


def said(text: str) -> None:
    """Write to stderr at once; when nobody reads there any more (`2>&1 | head`), the work goes on."""
    with suppress(BrokenPipeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def complain(sentence: str) -> int:
    """Say what is wrong on stderr, on one line, and return the exit status for it."""
    note(f"lbw: {' '.join(sentence.split())}")
    return 2


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = []
    for text, width, to_right in zip(row, widths, right, strict=True):
        blanks = " " * (width - _width(text))
        cells.append(blanks + text if to_right else text + blanks)
    return GAP.join(cells).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _is_number(text: str) -> bool:
    try:
        float(text.split(" ")[0] or 0)
    except ValueError:
        return False
    return True
