"""One text file of a user: read as it is, replaced whole, with the versions before it kept."""

from datetime import datetime, timezone
from pathlib import Path

from lib_lbw.errors import StoreError
from lib_lbw.lora.atomic import replacing

BACKUPS = 20
"""How many earlier versions are kept."""


def read_text(path: Path) -> str:
    """Return the exact text of a file, line ends included; "" when there is none.

    Raises StoreError for a file that is not UTF-8 text or cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise StoreError("{path} is not text in UTF-8; it is left as it is", path=path) from error
    except OSError as error:
        raise StoreError("{path} cannot be read: {reason}", path=path, reason=error.strerror or error) from error


def write_text(path: Path, text: str) -> None:
    """Put `text` in place of the file; what stood there goes to the folder `backups` beside it.

    Raises StoreError when that cannot be done; the file is then as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _back_up(path)
        with replacing(path) as (_, stream):
            stream.write(text.encode("utf-8"))
    except OSError as error:
        raise StoreError("{path} cannot be saved: {reason}", path=path, reason=error.strerror or error) from error


def backups_of(path: Path) -> list[Path]:
    """Return the versions kept of a file, the oldest first."""
    return sorted((path.parent / "backups").glob(f"{path.stem}-*{path.suffix}"))


def _back_up(path: Path) -> None:
    if not path.is_file():
        return
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    moment = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
    with replacing(folder / f"{path.stem}-{moment}{path.suffix}") as (_, stream):
        stream.write(path.read_bytes())
    for old in backups_of(path)[:-BACKUPS]:
        old.unlink(missing_ok=True)


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return what tells that a file was changed, (time in ns, bytes); None when there is none."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size
