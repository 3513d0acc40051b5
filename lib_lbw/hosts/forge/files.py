"""LoRA files as the host reads them: once, and again when they change."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

Stamp: TypeAlias = tuple[int, int] | None
"""Time of the last change in nanoseconds and size in bytes; None for a file that cannot be seen."""


def stamp(filename: str) -> Stamp:
    """Return what tells a file from its later self."""
    try:
        seen = os.stat(filename)  # noqa: PTH116 - the host's names are text, and os.stat is all that is needed
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size


@dataclass
class _Known:
    stamp: Stamp
    version: int
    tensors: Any = None


class LoraFiles:
    """The files of the LoRAs that are applied now.

    Holding on to their tensors costs nothing, the patches point to them; it spares reading a file again when only its
    weights change, and lets equal patches be recognised by identity.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def version(self, filename: str) -> int:
        """Return how often the file has changed since it was first seen, looking at it now."""
        now = stamp(filename)
        known = self._known.setdefault(filename, _Known(now, 0))
        if known.stamp != now:
            self._known[filename] = known = _Known(now, known.version + 1)
        return known.version

    def read(self, original: Callable[..., Any], filename: str, *args: Any, **kwargs: Any) -> Any:
        """Return the tensors of the file, through the host's own reader `original` if it was not read yet."""
        self.version(filename)
        known = self._known[filename]
        if known.tensors is None:
            if known.version and hasattr(original, "cache_clear"):
                original.cache_clear()  # the host's cache goes by name and would return the file's former self
            known.tensors = original(filename, *args, **kwargs)
        return known.tensors

    def release_all_but(self, filenames: Iterable[str]) -> None:
        """Let go of the tensors of all other files."""
        applied = set(filenames)
        for filename, known in self._known.items():
            if filename not in applied:
                known.tensors = None
