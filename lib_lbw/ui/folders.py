"""Where analyses are kept: one folder each, named by time and LoRA."""

import re
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from lib_lbw.analysis.journal import JOURNAL
from lib_lbw.errors import AnalysisError


def new_folder(root: Path, lora: str, now: datetime) -> Path:
    """Return a folder for a new analysis that is not there yet, in characters that every file system takes."""
    name = f"{now:%Y%m%d-%H%M%S}-{short_name(lora)}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(root / each for each in names if not (root / each).exists())


def short_name(lora: str) -> str:
    """Return the part of a folder's name that is made of the LoRA's."""
    return re.sub(r"[^0-9A-Za-z._-]+", "_", lora)[:60]


def earlier(root: Path) -> list[str]:
    """Return the names of the analyses below `root`, the newest first."""
    return sorted((path.parent.name for path in root.glob(f"*/{JOURNAL}")), reverse=True)


def find_folder(root: Path, name: str) -> Path:
    """Return the folder of an earlier analysis. Raises AnalysisError for a name that is none of them."""
    if name not in earlier(root):
        raise AnalysisError("{name} is none of the analyses in {folder}", name=name, folder=root)
    return root / name
