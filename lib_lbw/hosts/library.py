"""Open LoRA files, read anew when they change on disk."""

from pathlib import Path

from lib_lbw.lora.file import LoraFile


class Library:
    """Opens each file once; a file that was written since is opened again."""

    def __init__(self) -> None:
        """Start with no file open."""
        self._files: dict[str, tuple[tuple[int, int] | None, LoraFile]] = {}

    def open(self, path: str | Path) -> LoraFile:
        """Return the file as it is on disk now. Raises LoraFileError."""
        key = Path(path).as_posix()
        stamp = _stamp(key)
        known = self._files.get(key)
        if known is None or known[0] != stamp:
            known = self._files[key] = (stamp, LoraFile(path))
        return known[1]


def _stamp(path: str) -> tuple[int, int] | None:
    """Return what tells one version of a file from the next, None for a file that is not there."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
