"""The analyses of a home: listed without a look at their pictures, thrown into a bin, and brought back."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from lib_lbw.analysis.journal import JOURNAL, Journal
from lib_lbw.errors import AnalysisError
from lib_lbw.ui.folders import earlier, find_folder

BIN = "deleted"
"""The folder, beside the analyses, that holds what was deleted."""

_BEGUN = re.compile(r"(\d{8}-\d{6})-")


@dataclass(frozen=True)
class Run:
    """One analysis as a list tells it.

    `moment`: when it began, ISO 8601 in the time of this machine. `drawn` of `count` pictures are there. `blocks`:
    how many rows it has; `seeds`: how many seeds each of them was drawn with.
    """

    name: str
    moment: str
    lora: str
    prompt: str
    kind: str
    drawn: int
    count: int
    blocks: int
    seeds: int

    def to_json(self) -> dict[str, Any]:
        """Return the run as JSON types."""
        return asdict(self)


def list_runs(root: Path) -> Iterator[dict[str, Any]]:
    """Yield the analyses below `root`, the newest first; of one that cannot be read its name, time and `fault`."""
    told = [(_moment(root / name), name) for name in earlier(root)]
    for moment, name in sorted(told, reverse=True):
        try:
            yield _run(root / name, moment).to_json()
        except AnalysisError as error:
            yield {"name": name, "moment": moment, "lora": "", "fault": error}


def delete_run(root: Path, name: str) -> str:
    """Move an analysis into the bin, and return its name there. Raises AnalysisError for none, or a disk that refuses.

    The pictures stay on the disk until somebody empties the folder.
    """
    return _moved(find_folder(root, name), root / BIN)


def restore_run(root: Path, name: str) -> str:
    """Move an analysis out of the bin, and return its name. Raises AnalysisError for none, or a disk that refuses."""
    return _moved(find_folder(root / BIN, name), root)


def _moved(folder: Path, place: Path) -> str:
    names = chain([folder.name], (f"{folder.name}-{number}" for number in count(2)))
    free = next(name for name in names if not (place / name).exists())
    try:
        place.mkdir(exist_ok=True)
        folder.rename(place / free)
    except OSError as error:
        raise AnalysisError("{name} cannot be moved: {reason}", name=folder.name, reason=error.strerror) from None
    return free


def _run(folder: Path, moment: str) -> Run:
    journal = Journal.read(folder)
    plan = journal.plan
    requests = plan.requests()
    changed = [cell for cell in plan.cells if cell.kind in ("block", "cell")]
    seeds = len({cell.seed for cell in changed})
    return Run(
        name=folder.name,
        moment=moment,
        lora=plan.lora,
        prompt=str(plan.study.get("prompt", "")),
        kind=plan.kind,
        drawn=sum(journal.file(request) is not None for request in requests),
        count=len(requests),
        blocks=len(changed) // max(seeds, 1),
        seeds=seeds,
    )


def _moment(folder: Path) -> str:
    """Return when an analysis began: what its name says, else when its plan was last written."""
    begun = _BEGUN.match(folder.name)
    try:
        moment = datetime.strptime(begun[1], "%Y%m%d-%H%M%S") if begun else None
    except ValueError:
        moment = None
    return (moment or datetime.fromtimestamp((folder / JOURNAL).stat().st_mtime)).isoformat(timespec="seconds")
