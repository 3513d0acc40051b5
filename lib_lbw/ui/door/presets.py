"""Questions about the user's presets: read, check, save."""

from pathlib import Path
from typing import Any

from lib_lbw.store.imports import read_import
from lib_lbw.store.presets import Kind
from lib_lbw.ui.door.changes import Change, stamp_of
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.i18n import Translate
from lib_lbw.weights.book import Book, Line, bare_line
from lib_lbw.weights.presets import ElementBook, PresetBook


def read(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the user's text, its stamp and its lines, and the shipped presets.

    A page that tells the stamp it knows is only answered "same" when the text is still that one.
    """
    kind = question.kind()
    own = desk.store.own(kind)
    text = own.text()
    if question.text("stamp", "") == stamp_of(text):
        return {"same": True}
    return {
        "text": text,
        "stamp": stamp_of(text),
        "lines": _lines(own, question.translate),
        "shipped": _lines(_shipped(kind), question.translate),
    }


def names(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the names that can be used, the user's own first."""
    kind = question.kind()
    return {"names": list(dict.fromkeys((*desk.store.own(kind).names(), *_shipped(kind).names())))}


def check(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the lines of a text that is not saved yet, with what is wrong in each."""
    parse = PresetBook.parse if question.kind() == "presets" else ElementBook.parse
    return {"lines": _lines(parse(question.text("text")), question.translate)}


def save(desk: Desk, question: Question) -> dict[str, Any]:
    """Save a text that was made from `base`, and return what stands in the file now.

    In place of both, a page that knows the file's stamp may tell the `change` of its lines; it is answered with the
    change of the answer's lines, or with "stale" when the file has another stamp by now. Raises StoreConflict with the
    other text when somebody else changed the same lines, StoreError when the disk refuses.
    """
    if "change" in question.values:
        return _save_change(desk, question)
    saved = desk.store.save(question.kind(), question.text("text"), question.text("base"))
    return {**read(desk, question), "merged": saved.merged}


def _save_change(desk: Desk, question: Question) -> dict[str, Any]:
    kind = question.kind()
    before = desk.store.own(kind)
    base = before.text()
    if question.text("stamp") != stamp_of(base):
        return {"stale": True}
    change = Change.of(question.values["change"])
    saved = desk.store.save(kind, "".join(change.applied([line.text for line in before.lines])), base)
    now = desk.store.own(kind)
    told = Change.between(_lines(before, question.translate), _lines(now, question.translate))
    return {"change": told.json(), "stamp": stamp_of(now.text()), "merged": saved.merged}


def backups(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the earlier versions of a text, the newest first, each with its time (ISO 8601, UTC) and size in bytes."""
    return {
        "backups": [
            {"name": each.path.name, "moment": each.moment.isoformat(timespec="seconds"), "bytes": size}
            for each in desk.store.backups(question.kind())
            if (size := _size(each.path)) is not None
        ]
    }


def backup(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the text of an earlier version. Raises StoreError for one that is not kept."""
    return {"text": desk.store.backup(question.kind(), question.text("name"))}


def read_import_of(desk: Desk, question: Question) -> dict[str, Any]:
    """Return the presets, or the elemental presets, in whatever text was pasted. Raises StoreError for none."""
    found = read_import(question.text("text"))
    return {
        "presets": [{"name": name, "weights": weights} for name, weights in found.presets],
        "elements": found.elements,
        "notes": [notice.localized(question.translate) for notice in found.notices],
    }


def _size(path: Path) -> int | None:
    """Return the size of a file; None when it has just gone, as the oldest backups do."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _shipped(kind: Kind) -> Book[Any]:
    return PresetBook.shipped() if kind == "presets" else ElementBook.shipped()


def _lines(book: Book[Any], translate: Translate) -> list[dict[str, Any]]:
    return [_line(line, translate) for line in book.lines]


def _line(line: Line[Any], translate: Translate) -> dict[str, Any]:
    """Return one line: its exact text without its end, the end, and name, weights and fault where it has them."""
    text = line.text.rstrip("\r\n")
    told: dict[str, Any] = {"number": line.number, "text": text, "end": line.text[len(text) :]}
    if line.name:
        told |= {"name": line.name, "weights": bare_line(line.text).partition(":")[2].strip()}
    if line.fault:
        told["fault"] = line.fault.localized(translate)
    return told


ANSWERS = {
    "presets.read": read,
    "presets.names": names,
    "presets.check": check,
    "presets.save": save,
    "presets.import": read_import_of,
    "presets.backups": backups,
    "presets.backup": backup,
}
