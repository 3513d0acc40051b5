"""A finished file under its name: written beside it, read back, and only then put in place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lib_lbw.errors import MergeError
from lib_lbw.lora.header import read_header
from lib_lbw.lora.writer import Written
from lib_lbw.merge.checkpoint.hashing import file_hash
from lib_lbw.merge.checkpoint.work import Steps
from lib_lbw.merge.destination import Replace, put_in_place
from lib_lbw.merge.leftovers import unfinished_name


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Give a name beside `path` for a file that is not finished; what still has it at the end is removed."""
    temporary = unfinished_name(path)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def settle(written: Written, path: Path, allowed: Replace, steps: Steps) -> Written:
    """Read the file back, compare its hash with what was written, and give it the name `path`.

    Raises MergeError when the disk gives back something else, or somebody has taken the name meanwhile.
    """
    if file_hash(written.path, steps, read_header(written.path).data_start) != written.sha256:
        raise MergeError("{path}: the disk gave back something else than was written.", path=path)
    put_in_place(written.path, path, replace=allowed != "nothing")
    return replace(written, path=path)
