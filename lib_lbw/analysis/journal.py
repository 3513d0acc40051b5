"""What a results folder holds, so that a run goes on after a crash: the plan, and which pictures exist.

`run.json` holds the plan; `done.jsonl` gets a line after each picture, {"picture": digest, "file": name}.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image, UnidentifiedImageError

from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.files import write_json, write_png, write_text
from lib_lbw.analysis.generator import Request
from lib_lbw.errors import AnalysisError

JOURNAL = "run.json"
DONE = "done.jsonl"
CELLS = "cells"
NO_SOURCES: Mapping[str, str] = MappingProxyType({})
_OWN = re.compile(rf"{CELLS}/[^/\\]+\.png")  # a record from elsewhere cannot point outside its folder


def digest(request: Request, picture: Mapping[str, Any], sources: Mapping[str, str] = NO_SOURCES) -> str:
    """Return the name of a picture by what makes it: prompt, seed, settings of the drawing program, and files."""
    made_of = [request.prompt, request.seed, dict(picture), dict(sources)]
    text = json.dumps(made_of, ensure_ascii=False, sort_keys=True, default=str)
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
        done = {key: file for key, file in _drawn(folder).items() if _is_whole(folder / file)}
        write_json(folder / JOURNAL, {"plan": plan.to_json()})
        write_text(folder / DONE, "".join(_line(key, file) for key, file in done.items()))
        return cls(folder, plan, done)

    @classmethod
    def read(cls, folder: Path) -> "Journal":
        """Return what the folder says of itself, without a look at its pictures. Raises AnalysisError."""
        return cls(folder, read_plan(folder), _drawn(folder))

    def file(self, request: Request) -> Path | None:
        """Return the picture's path, or None when it is not drawn yet."""
        name = self.done.get(self._digest(request))
        return None if name is None else self.folder / name

    def add(self, index: int, request: Request, image: Image.Image, parameters: str) -> Path:
        """Save a finished picture and note it down; return its path."""
        key = self._digest(request)
        cell = next(cell for cell in self.plan.cells if cell.picture == index)
        name = f"{CELLS}/{index:03d}-{_slug(cell.name)}-{key[:8]}.png"
        write_png(self.folder / name, image, parameters)
        with (self.folder / DONE).open("a", encoding="utf-8", newline="\n") as file:
            file.write(_line(key, name))
        self.done[key] = name
        return self.folder / name

    def _digest(self, request: Request) -> str:
        return digest(request, self.plan.picture, self.plan.sources)


def check_folder(folder: Path, plan: AnalysisPlan) -> None:
    """Raise AnalysisError for a place where `plan` would end badly: a file, or the folder of something else.

    A folder goes on with a plan when at least one picture of the plan it holds is the same.
    """
    if folder.exists() and not folder.is_dir():
        raise AnalysisError("{folder} is a file; name a folder for the results", folder=folder)
    if not _drawn(folder):
        return
    other = read_plan(folder)
    if not set(other.requests()) & set(plan.requests()):
        raise AnalysisError(
            "{folder} holds another analysis ({title}); choose another folder", folder=folder, title=other.title
        )


def read_plan(path: Path) -> AnalysisPlan:
    """Return the plan of a results folder, or of its run.json or results.json, to make the same grid again.

    Raises AnalysisError for what holds no plan.
    """
    path = path / JOURNAL if path.is_dir() else path
    if not path.exists():
        raise AnalysisError("{path} is not there; name a folder that an analysis was written to", path=path)
    instead = "name a folder that an analysis was written to, or the results.json in it"
    plan = _load(path, instead).get("plan")
    if not isinstance(plan, dict):
        raise AnalysisError("{path} is no record of an analysis; {instead}", path=path, instead=instead)
    try:
        return AnalysisPlan.from_json(plan)
    except (AttributeError, TypeError, KeyError) as reason:
        raise AnalysisError("the plan in {path} cannot be read: {reason}", path=path, reason=reason) from None


def _drawn(folder: Path) -> dict[str, str]:
    """Return the pictures noted down, digest -> file; a line that a crash cut short does not count."""
    record = folder / JOURNAL
    if not record.exists():
        return {}
    if not isinstance(_load(record).get("plan"), dict):
        raise AnalysisError("{path} is no record of an analysis; choose another folder", path=record)
    try:
        lines = (folder / DONE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    noted = [found for line in lines if (found := _noted(line)) is not None]
    return dict(noted)


def _line(key: str, file: str) -> str:
    return json.dumps({"picture": key, "file": file}, ensure_ascii=False) + "\n"


def _noted(line: str) -> tuple[str, str] | None:
    try:
        noted = json.loads(line)
        key, file = str(noted["picture"]), str(noted["file"])
    except (ValueError, TypeError, KeyError):
        return None
    return (key, file) if _OWN.fullmatch(file) else None


def _load(path: Path, instead: str = "choose another folder") -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        data = None
    if not isinstance(data, dict):
        raise AnalysisError("{path} is no record of an analysis; {instead}", path=path, instead=instead)
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
