"""The sha256 of a file, of its payload or of both at once, in steps that can be stopped."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lib_lbw.merge.checkpoint.work import Steps

_CHUNK = 1 << 24


def file_hash(path: Path, steps: Steps, start: int = 0) -> str:
    """Return the sha256 of `path` from byte `start` on, in hex. Raises MergeStopped, OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(start)
        for chunk in _chunks(stream, path.name, steps):
            digest.update(chunk)
    return digest.hexdigest()


def both_hashes(path: Path, steps: Steps, start: int) -> tuple[str, str]:
    """Return the sha256 of `path`, and that of what lies from byte `start` on, in hex. Raises as `file_hash` does."""
    whole, payload, at = hashlib.sha256(), hashlib.sha256(), 0
    with path.open("rb") as stream:
        for chunk in _chunks(stream, path.name, steps):
            whole.update(chunk)
            payload.update(chunk[max(start - at, 0) :])
            at += len(chunk)
    return whole.hexdigest(), payload.hexdigest()


def _chunks(stream: BinaryIO, name: str, steps: Steps) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        steps.begin()
        yield chunk
        steps.end(len(chunk), name)
