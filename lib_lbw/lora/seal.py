"""Hashes that stand in the header of the very file whose payload they are of: room is kept, and filled at the end."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Seal:
    """The sha256 of `before` and bytes [start, end) of the payload, in hex, under `key` of the metadata.

    No `end`: to its end. `letters` of it are kept, and `prefix` stands before them.
    """

    key: str
    prefix: str = ""
    letters: int = 64
    before: bytes = b""
    start: int = 0
    end: int | None = None

    @property
    def empty(self) -> str:
        """What stands there until the hash is known."""
        return self.prefix + "0" * self.letters


class Sealing:
    """Takes the payload of a file piece by piece, in its order, for all its seals."""

    def __init__(self, seals: Iterable[Seal]) -> None:
        """Begin before the first byte."""
        self._seals = tuple(seals)
        self._digests = {_window(seal): hashlib.sha256(seal.before) for seal in self._seals}
        self._at = 0

    def update(self, piece: memoryview) -> None:
        """Take the next piece."""
        for (_, start, end), digest in self._digests.items():
            digest.update(piece[max(start - self._at, 0) : None if end is None else max(end - self._at, 0)])
        self._at += len(piece)

    def hash(self, seal: Seal) -> str:
        """Return the hash of what was taken so far."""
        return self._digests[_window(seal)].hexdigest()[: seal.letters]

    def room(self) -> Mapping[str, str]:
        """Return the metadata that keeps room for the seals."""
        return {seal.key: seal.empty for seal in self._seals}

    def places(self, header: bytes) -> Iterable[tuple[int, bytes]]:
        """Give where in `header`, which has the room, each hash belongs, and the hash."""
        for seal in self._seals:
            entry = f"{json.dumps(seal.key)}:{json.dumps(seal.empty)}".encode()
            yield header.index(entry) + len(entry) - 1 - seal.letters, self.hash(seal).encode()


def _window(seal: Seal) -> tuple[bytes, int, int | None]:
    return seal.before, seal.start, seal.end
