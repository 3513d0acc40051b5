"""Questions about the user's presets: read, check, save."""

from typing import Any

from lib_lbw.store.imports import read_import
from lib_lbw.store.presets import Kind
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.i18n import Translate
from lib_lbw.weights.book import Book, Line, bare_line
from lib_lbw.weights.presets import ElementBook, PresetBook


def read(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the user's text, its lines, and the shipped presets."""
    kind = question.kind()
    return {
        "text": desk.store.text(kind),
        "lines": _lines(desk.store.own(kind), question.translate),
        "shipped": _lines(_shipped(kind), question.translate),
    }


def check(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the lines of a text that is not saved yet, with what is wrong in each."""
    parse = PresetBook.parse if question.kind() == "presets" else ElementBook.parse
    return {"lines": _lines(parse(question.text("text")), question.translate)}


def save(desk: Desk, question: Question) -> dict[str, Any]:
    """Save a text that was made from `base`, and return what stands in the file now.

    Raises StoreConflict with the other text when somebody else changed the same lines, StoreError when the disk
    refuses.
    """
    saved = desk.store.save(question.kind(), question.text("text"), question.text("base"))
    return {**read(desk, question), "merged": saved.merged}


def read_import_of(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the presets in whatever text was pasted, and what there is to say. Raises StoreError for none."""
    found = read_import(question.text("text"))
    return {
        "presets": [{"name": name, "weights": weights} for name, weights in found.presets],
        "notes": [notice.localized(question.translate) for notice in found.notices],
    }


def _shipped(kind: Kind) -> Book[Any]:
    return PresetBook.shipped() if kind == "presets" else ElementBook.shipped()


def _lines(book: Book[Any], translate: Translate) -> list[dict[str, Any]]:
    return [_line(line, translate) for line in book.lines]


def _line(line: Line[Any], translate: Translate) -> dict[str, Any]:
    """Return one line: its exact text, and name, weights and fault where it has them."""
    told: dict[str, Any] = {"number": line.number, "text": line.text.rstrip("\r\n")}
    if line.name:
        told |= {"name": line.name, "weights": bare_line(line.text).partition(":")[2].strip()}
    if line.fault:
        told["fault"] = line.fault.localized(translate)
    return told


ANSWERS = {"presets.read": read, "presets.check": check, "presets.save": save, "presets.import": read_import_of}
