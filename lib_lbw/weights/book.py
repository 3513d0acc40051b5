"""Text files of named things, read line by line: what is sound is used, what is not is reported and kept."""

import re
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lib_lbw.errors import PresetError

Content = TypeVar("Content")
AnyBook = TypeVar("AnyBook", bound="Book[Any]")

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


@dataclass(frozen=True)
class Line(Generic[Content]):
    """One line: `number` counts from 1, `text` is exact with its line end; comments have neither name nor content."""

    number: int
    text: str
    name: str | None = None
    content: Content | None = None
    fault: PresetError | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Book(Generic[Content]):
    """A file as a value: its lines in order, the exact text, and what is wrong in it."""

    lines: tuple[Line[Content], ...]

    def text(self) -> str:
        """Return the exact text that was parsed: byte order mark, line ends, comments and faulty lines included."""
        return "".join(line.text for line in self.lines)

    def names(self) -> tuple[str, ...]:
        """Return the names that can be used, each once, in the order of the file."""
        return tuple(dict.fromkeys(line.name for line in self.lines if line.name and line.fault is None))

    @property
    def faults(self) -> tuple[PresetError, ...]:
        """What is wrong with which line."""
        return tuple(line.fault for line in self.lines if line.fault is not None)

    def fault_of(self, name: str) -> PresetError | None:
        """Return the first fault in a line of that name."""
        return next((line.fault for line in self.lines if line.name == name and line.fault is not None), None)

    def contents(self, name: str) -> tuple[Content, ...]:
        """Return what the sound lines of that name hold."""
        return tuple(line.content for line in self.lines if line.name == name and line.content is not None)

    def merged(self: AnyBook, other: AnyBook) -> AnyBook:
        """Return a book with the names of both; a name in `other` replaces all lines of that name here."""
        taken = {line.name for line in other.lines if line.name}
        return type(self)(tuple(line for line in self.lines if line.name not in taken) + other.lines)


def exact_lines(text: str) -> list[str]:
    """Split at line ends of every kind and keep them; joined again the lines are `text`."""
    return _LINE.findall(text)


def bare_line(line: str) -> str:
    """Return a line without its end, blanks and a byte order mark; empty for a comment too."""
    bare = line.strip().removeprefix("\ufeff").strip()
    return "" if bare.startswith("#") else bare
