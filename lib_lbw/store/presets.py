"""The user's presets and elemental presets in one folder, laid over those that are shipped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Literal, TypeAlias

from lib_lbw.errors import StoreConflict, StoreError
from lib_lbw.store.files import Backup, backups_of, read_text, stamp_of, write_text
from lib_lbw.store.lines import merged_lines
from lib_lbw.weights.book import Book, exact_lines
from lib_lbw.weights.presets import ElementBook, PresetBook

Kind: TypeAlias = Literal["presets", "elements"]
KINDS: tuple[Kind, ...] = ("presets", "elements")

_PARSE: Mapping[Kind, Callable[[str], Book[Any]]] = {"presets": PresetBook.parse, "elements": ElementBook.parse}


@dataclass(frozen=True)
class Saved:
    """The text that stands in the file now; `merged` tells that it holds somebody else's changes beside one's own."""

    text: str
    merged: bool = False


class PresetStore:
    """The files `presets.txt` and `elements.txt` of one folder.

    Every read looks whether the file was changed, so that all pages, the API and an editor outside agree. One object
    may be used from several threads.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`; it is made with the first save."""
        self.folder = folder
        self._read: dict[Kind, tuple[object, str]] = {}
        self._books: dict[Kind, tuple[str, Book[Any]]] = {}
        self._lock = RLock()

    def path(self, kind: Kind) -> Path:
        """Return where the texts of a kind are kept."""
        return self.folder / f"{kind}.txt"

    def text(self, kind: Kind) -> str:
        """Return the user's own text, "" at first. Raises StoreError for a file that cannot be read."""
        path = self.path(kind)
        with self._lock:
            stamp = stamp_of(path)
            known = self._read.get(kind)
            if known is None or known[0] != stamp:
                known = self._read[kind] = (stamp, read_text(path))
            return known[1]

    def own(self, kind: Kind) -> Book[Any]:
        """Return the user's own book, faults included."""
        text = self.text(kind)
        with self._lock:
            known = self._books.get(kind)
            if known is None or known[0] != text:
                known = self._books[kind] = (text, _PARSE[kind](text))
            return known[1]

    def presets(self) -> PresetBook:
        """Return the shipped presets with the user's over them."""
        own = self.own("presets")
        assert isinstance(own, PresetBook)
        return PresetBook.shipped().merged(own)

    def elements(self) -> ElementBook:
        """Return the shipped elemental presets with the user's over them."""
        own = self.own("elements")
        assert isinstance(own, ElementBook)
        return ElementBook.shipped().merged(own)

    def backups(self, kind: Kind) -> list[Backup]:
        """Return the earlier versions of a text, the newest first."""
        return backups_of(self.path(kind))[::-1]

    def backup(self, kind: Kind, name: str) -> str:
        """Return the text of an earlier version by its file's name. Raises StoreError for one that is not kept."""
        for each in self.backups(kind):
            if each.path.name == name:
                return read_text(each.path)
        raise StoreError("there is no earlier version called {name!r}", name=name)

    def save(self, kind: Kind, text: str, base: str) -> Saved:
        """Put `text` into the file; `base` is the text it was made from.

        When the file holds something else than `base` by now, both changes are kept if they touch different lines.
        Raises StoreConflict, with the other text, if they do not, and StoreError when the file cannot be written;
        the file is then as it was.
        """
        with self._lock:
            current = self.text(kind)
            merged = _together(base, text, current)
            if merged is None:
                raise StoreConflict(
                    "{path} was changed meanwhile, in the same lines: choose which to keep",
                    path=self.path(kind),
                    theirs=current,
                )
            if merged != current:
                write_text(self.path(kind), merged)
            return Saved(merged, merged != text)


def _together(base: str, mine: str, theirs: str) -> str | None:
    if theirs in (base, mine):
        return mine
    lines = merged_lines(*(exact_lines(_ended(text)) for text in (base, mine, theirs)))
    return None if lines is None else "".join(lines)


def _ended(text: str) -> str:
    """End the last line, so that it does not run into one that the other side added."""
    return text if not text or text.endswith(("\n", "\r")) else text + "\n"
