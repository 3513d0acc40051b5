"""Files of presets given on the command line, each on top of those that are shipped. Read once, with the options."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lib_lbw.cli.output import note
from lib_lbw.errors import LbwError

if TYPE_CHECKING:
    from lib_lbw.weights.book import Book
    from lib_lbw.weights.presets import ElementBook, PresetBook

AnyBook = TypeVar("AnyBook", bound="Book[Any]")
MOST = 3  # faulty lines to tell of; a file with more is likely another kind of file


def preset_book(path: str) -> "PresetBook":
    """Return the shipped presets with those of the file over them. Raises LbwError for what is no text."""
    from lib_lbw.weights.presets import PresetBook

    return PresetBook.shipped().merged(sound(path, PresetBook.parse(text_of(path))))


def element_book(path: str) -> "ElementBook":
    """Return the shipped elemental presets with those of the file over them. Raises LbwError for what is no text."""
    from lib_lbw.weights.presets import ElementBook

    return ElementBook.shipped().merged(sound(path, ElementBook.parse(text_of(path))))


def presets_of(arguments: argparse.Namespace) -> "PresetBook":
    """Return the presets asked for, else the user's own over the shipped ones. Raises StoreError."""
    from lib_lbw.store.home import user_store

    book: PresetBook | None = getattr(arguments, "presets", None)
    return user_store().presets() if book is None else book


def elements_of(arguments: argparse.Namespace) -> "ElementBook":
    """Return the elemental presets asked for, else the user's own over the shipped ones. Raises StoreError."""
    from lib_lbw.store.home import user_store

    book: ElementBook | None = getattr(arguments, "elements", None)
    return user_store().elements() if book is None else book


def text_of(path: str) -> str:
    """Return the text of a file. Raises LbwError for another encoding, OSError for a file that cannot be read."""
    try:
        return Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise LbwError("{path} is not text in UTF-8", path=path) from error


def sound(path: str, book: AnyBook) -> AnyBook:
    """Return the book after telling of its faulty lines. Raises LbwError for one in which nothing is sound."""
    faults = book.faults
    if faults and not book.names():
        raise LbwError("{path} holds no presets of this kind: {fault}", path=path, fault=faults[0])
    for fault in faults[:MOST]:
        note(f"note: {path}: {fault}")
    if len(faults) > MOST:
        note(f"note: {path}: and {len(faults) - MOST} more such lines")
    return book
