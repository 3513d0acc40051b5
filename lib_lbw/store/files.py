"""One text file of a user: read as it is, replaced whole, with the versions before it kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lib_lbw.errors import StoreError
from lib_lbw.lora.atomic import replacing

BACKUPS = 20
"""How many earlier versions are kept, whenever they were saved."""

DAYS = 30
"""For how many days before those the last version of the day is kept too."""

_MOMENT = "%Y%m%d-%H%M%S-%f"


@dataclass(frozen=True)
class Backup:
    """An earlier version of a file, and when it was replaced (UTC)."""

    path: Path
    moment: datetime


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
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StoreError("{path} cannot be saved: {reason}", path=path, reason=error.reason) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _back_up(path)
        with replacing(path) as (_, stream):
            stream.write(raw)
    except OSError as error:
        raise StoreError("{path} cannot be saved: {reason}", path=path, reason=error.strerror or error) from error


def backups_of(path: Path) -> list[Backup]:
    """Return the versions kept of a file, the oldest first; a file whose name tells no time is none of them."""
    found: list[Backup] = []
    for each in (path.parent / "backups").glob(f"{path.stem}-*{path.suffix}"):
        try:
            moment = datetime.strptime(each.stem.removeprefix(f"{path.stem}-"), _MOMENT)
        except ValueError:
            continue
        found.append(Backup(each, moment.replace(tzinfo=timezone.utc)))
    return sorted(found, key=lambda backup: backup.moment)


def superfluous(backups: Sequence[Backup]) -> list[Backup]:
    """Return those of `backups`, the oldest first, that need not be kept.

    Kept are the last `BACKUPS`, and of the days before those the last of each, `DAYS` of them.
    """
    older, recent = backups[: max(len(backups) - BACKUPS, 0)], backups[-BACKUPS:]
    days = {backup.moment.date(): backup.path for backup in older}
    for backup in recent:
        days.pop(backup.moment.date(), None)
    kept = {days[day] for day in sorted(days)[-DAYS:]}
    return [backup for backup in older if backup.path not in kept]


def _back_up(path: Path) -> None:
    if not path.is_file():
        return
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    moment = datetime.now(timezone.utc).strftime(_MOMENT)
    with replacing(folder / f"{path.stem}-{moment}{path.suffix}") as (_, stream):
        stream.write(path.read_bytes())
    for old in superfluous(backups_of(path)):
        old.path.unlink(missing_ok=True)


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return what tells that a file was changed, (time in ns, bytes); None when there is none."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size
