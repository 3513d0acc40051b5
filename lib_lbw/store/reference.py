"""Presets of the extension `sd-webui-lora-block-weight`, taken over once; its files are only read."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib_lbw.store.files import read_text, write_text
from lib_lbw.store.presets import KINDS, Kind, PresetStore
from lib_lbw.weights.book import Line, bare_line
from lib_lbw.weights.presets import ElementBook, PresetBook

_FILES: dict[Kind, str] = {"presets": "lbwpresets.txt", "elements": "elempresets.txt"}


def import_reference(store: PresetStore, folder: Path) -> tuple[str, ...]:
    """Add the presets in `folder` that the store does not have, and return their names.

    A text is taken once: what the user deletes afterwards does not come back. A name that the user has already keeps
    the user's weights; one that is shipped with the same weights is left out. Raises StoreError for files that cannot
    be read or written.
    """
    names: list[str] = []
    for kind in KINDS:
        text = _decoded(folder / _FILES[kind])
        if bare_text(text) and _remember(store.folder / "imported.txt", text):
            names += _add(store, kind, text, folder)
    return tuple(names)


def bare_text(text: str) -> str:
    """Return a text without comments and empty lines; "" for a file that names nothing."""
    return "".join(map(bare_line, text.splitlines()))


def _decoded(path: Path) -> str:
    """Read a file as UTF-8, or as the Shift_JIS that Japanese editors wrote."""
    try:
        raw = path.read_bytes()
    except OSError:
        return ""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp932", errors="replace")


def _remember(path: Path, text: str) -> bool:
    """Note that a text was taken; False if it was before."""
    mark = hashlib.sha256(text.encode()).hexdigest()
    seen = read_text(path)
    if mark in seen:
        return False
    write_text(path, f"{seen}{mark}\n")
    return True


def _add(store: PresetStore, kind: Kind, text: str, folder: Path) -> list[str]:
    own = store.text(kind)
    lines, names = _preset_lines(store, text) if kind == "presets" else _element_lines(store, text)
    if names:
        gap = "" if not own or own.endswith("\n") else "\n"
        heading = f"# taken over from {folder.name}/{_FILES[kind]}\n"
        store.save(kind, own + gap + heading + "\n".join(lines) + "\n", own)
    return names


def _preset_lines(store: PresetStore, text: str) -> tuple[list[str], list[str]]:
    taken = set(store.own("presets").names())
    shipped = PresetBook.shipped()
    new = [
        line
        for line in PresetBook.parse(text).lines
        if line.name and line.name not in taken and (line.fault or line.content not in shipped.find(line.name))
    ]
    return [line.text.strip() for line in new], _names(new)


def _element_lines(store: PresetStore, text: str) -> tuple[list[str], list[str]]:
    taken = set(store.own("elements").names())
    new = [line for line in ElementBook.parse(text).lines if not line.name or line.name not in taken]
    return [line.text.rstrip("\r\n") for line in new], _names(new)


def _names(lines: Sequence[Line[Any]]) -> list[str]:
    return list(dict.fromkeys(line.name for line in lines if line.name and line.fault is None))
