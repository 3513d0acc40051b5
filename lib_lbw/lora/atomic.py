"""A file that appears under its name only when it is complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lib_lbw.errors import LoraFileError


@contextmanager
def replacing(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a file beside `path` that takes its place if the block succeeds and vanishes if it does not.

    Gives the temporary path and the stream. Raises FileExistsError when this process is already writing `path`.
    """
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    with temporary.open("xb") as stream:
        try:
            yield temporary, stream
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()  # Windows renames no open file
            temporary.replace(path)
        finally:
            stream.close()
            temporary.unlink(missing_ok=True)


@contextmanager
def told_as_lora_errors(path: Path) -> Iterator[None]:
    """Turn what the system refuses inside the block into a LoraFileError about writing `path`."""
    try:
        yield
    except OSError as error:
        raise LoraFileError("{path} cannot be written: {reason}.", path=path, reason=error.strerror or error) from error
