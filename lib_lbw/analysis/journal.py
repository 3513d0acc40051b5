"""run.json: the plan and which of its pictures exist; written after each one, so a run goes on after a crash."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.files import write_json, write_png
from lib_lbw.analysis.generator import Request
from lib_lbw.errors import AnalysisError

JOURNAL = "run.json"
CELLS = "cells"
_OWN = re.compile(rf"{CELLS}/[^/\\]+\.png")  # a record from elsewhere cannot point outside its folder


def digest(request: Request, picture: Mapping[str, Any]) -> str:
    """Return the name of a picture by what makes it: prompt, seed and the settings of the drawing program."""
    text = json.dumps([request.prompt, request.seed, dict(picture)], ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


@dataclass
class Journal:
    """The state of one results folder. `done` maps a picture's digest to its file, relative to `folder`."""

    folder: Path
    plan: AnalysisPlan
    done: dict[str, str]

    @classmethod
    def open(cls, folder: Path, plan: AnalysisPlan) -> "Journal":
        """Take up the folder where it was left; pictures of the plan that are there and whole count as done.

        Pictures of another plan stay, and are used where a picture is the same. Raises AnalysisError when run.json is
        not one of ours.
        """
        known: dict[str, str] = {}
        path = folder / JOURNAL
        if path.exists():
            known = _read(path)
        done = {key: file for key, file in known.items() if _is_whole(folder / file)}
        journal = cls(folder, plan, done)
        journal.save()
        return journal

    def file(self, request: Request) -> Path | None:
        """Return the picture's path, or None when it is not drawn yet."""
        name = self.done.get(digest(request, self.plan.picture))
        return None if name is None else self.folder / name

    def add(self, index: int, request: Request, image: Image.Image, parameters: str) -> Path:
        """Save a finished picture and note it down; return its path."""
        key = digest(request, self.plan.picture)
        cell = next(cell for cell in self.plan.cells if cell.picture == index)
        name = f"{CELLS}/{index:03d}-{_slug(cell.name)}-{key[:8]}.png"
        write_png(self.folder / name, image, parameters)
        self.done[key] = name
        self.save()
        return self.folder / name

    def save(self) -> None:
        """Write run.json."""
        write_json(self.folder / JOURNAL, {"plan": self.plan.to_json(), "done": self.done})


def read_plan(folder: Path) -> AnalysisPlan:
    """Return the plan of a results folder, to make the same grid again. Raises AnalysisError."""
    path = folder / JOURNAL
    if not path.exists():
        raise AnalysisError("{path} is not there; name a folder that an analysis was written to", path=path)
    return AnalysisPlan.from_json(_load(path).get("plan", {}))


def _read(path: Path) -> dict[str, str]:
    done = _load(path).get("done")
    if not isinstance(done, dict):
        raise AnalysisError("{path} is no record of an analysis; choose another folder", path=path)
    return {str(key): str(file) for key, file in done.items() if _OWN.fullmatch(str(file))}


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        data = None
    if not isinstance(data, dict):
        raise AnalysisError("{path} is no record of an analysis; choose another folder", path=path)
    return data


def _is_whole(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, UnidentifiedImageError, SyntaxError):
        return False
    return True


def _slug(text: str) -> str:
    return re.sub(r"[^\w.@+-]+", "_", text).strip("_")[:60] or "picture"
