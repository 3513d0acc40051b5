"""The sha256 of a file or of its payload, in steps that can be stopped."""

import hashlib
from pathlib import Path

from lib_lbw.merge.checkpoint.work import Steps

_CHUNK = 1 << 24


def file_hash(path: Path, steps: Steps, start: int = 0) -> str:
    """Return the sha256 of `path` from byte `start` on, in hex. Raises MergeStopped, OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(_CHUNK):
            steps.begin()
            digest.update(chunk)
            steps.end(len(chunk), path.name)
    return digest.hexdigest()
