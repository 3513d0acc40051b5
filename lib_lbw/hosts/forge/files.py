"""LoRA files as the host reads them: once, and again when they change."""

import inspect
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
        self._cached: dict[str, Stamp] | None = None  # what the host's cache can hold; None: anything

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
            known.tensors = self.fresh(original, filename, *args, **kwargs)
        return known.tensors

    def fresh(self, original: Callable[..., Any], filename: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the host's reader `original` makes of the file as it is now.

        The host's cache goes by name. It is emptied when it may hold a former self of the file: from before our time,
        or from before a change.
        """
        now = stamp(filename)
        if self._cached is None or self._cached.get(filename, now) != now:
            _empty_cache(original)
            self._cached = {}
        self._cached[filename] = now
        return original(filename, *args, **kwargs)

    def release_all_but(self, filenames: Iterable[str]) -> None:
        """Let go of the tensors of all other files."""
        applied = set(filenames)
        for filename, known in self._known.items():
            if filename not in applied:
                known.tensors = None


def _empty_cache(reader: Callable[..., Any]) -> None:
    """Empty the cache around a host's reader, or under the wrappers that others have put there; some have none."""
    cached = inspect.unwrap(reader, stop=lambda each: hasattr(each, "cache_clear"))
    getattr(cached, "cache_clear", lambda: None)()
