"""The plan of an analysis: what to draw, where it stands in the table, what it is measured against."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any

from lib_lbw.analysis.generator import Request
from lib_lbw.errors import AnalysisError

VERSION = 1


@dataclass(frozen=True)
class Cell:
    """One place of the table, or a picture beside it (x = y = z = -1) that others are measured against.

    `kind`: "base" (the LoRA at 0), "full" (all blocks on), "reference" (what the others are measured against), "block"
    (a block changed) or "cell" (any other place). `labels` are those of x, y and z. `picture` is the index of its
    request: equal places share one. `against` is the index of the cell it is compared with, and `opposite` the far end
    of the line that its direction is measured on; None for none.
    """

    index: int
    x: int
    y: int
    z: int
    prompt: str
    seed: int
    labels: tuple[str, ...]
    kind: str
    picture: int
    against: int | None = None
    opposite: int | None = None

    @property
    def name(self) -> str:
        """The labels on one line."""
        return ", ".join(label for label in self.labels if label)


@dataclass(frozen=True)
class AnalysisPlan:
    """Everything needed to draw and measure; the same plan makes the same grid, and it goes to JSON and back.

    `kind` is "blocks" or "xyz". `axes` names what runs along x, y and z, `columns`, `rows` and `pages` are the labels
    there. `opposite` says in a word what the directions point at: "base" or "full". `picture` are the settings of the
    drawing program (steps, size, ...), kept but not looked into. `study` is what the user asked for, as JSON.
    `sources` are the identities of the files that draw (see `lib_lbw.analysis.sources`): with another of them the
    pictures are other pictures.
    """

    kind: str
    title: str
    lora: str
    family: str
    axes: tuple[str, str, str]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    pages: tuple[str, ...]
    cells: tuple[Cell, ...]
    threshold: int
    diff_color: str
    opposite: str
    picture: Mapping[str, Any]
    study: Mapping[str, Any]
    notices: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    def requests(self) -> tuple[Request, ...]:
        """Return the pictures to draw, each once, in the order of `Cell.picture`."""
        first: dict[int, Request] = {}
        for cell in self.cells:
            first.setdefault(cell.picture, Request(cell.prompt, cell.seed))
        return tuple(first[number] for number in sorted(first))

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON types, with a version."""
        data: dict[str, Any] = _listed({"version": VERSION, **asdict(self)})
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "AnalysisPlan":
        """Return the plan that `to_json` wrote. Raises AnalysisError for another version or missing fields."""
        if data.get("version") != VERSION:
            raise AnalysisError(
                "this plan has version {found}, this program reads version {wanted}",
                found=data.get("version"),
                wanted=VERSION,
            )
        missing = [each.name for each in fields(cls) if each.name not in data and _is_needed(each)]
        if missing:
            raise AnalysisError("the plan lacks {names}", names=", ".join(missing))
        values = {each.name: _frozen(data[each.name]) for each in fields(cls) if each.name in data}
        values["cells"] = tuple(Cell(**{key: _frozen(value) for key, value in cell.items()}) for cell in data["cells"])
        return cls(**values)


def _is_needed(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
