"""The numbers of a run: per picture, and per row of the table over all seeds; to JSON and CSV."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any

from lib_lbw.analysis.axes import seed_label
from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.metrics import Difference, Direction

NUMBERS = (
    "diff_percent",
    "mean_difference",
    "color_difference",
    "lightness",
    "red_green",
    "blue_yellow",
    "composition",
    "line_energy",
)
DIRECTIONS = ("amount", "toward", "off_axis")


@dataclass(frozen=True)
class CellResult:
    """A place of the table with what came out. Paths are relative to the results folder; None: not drawn, no pair."""

    cell: Cell
    file: str | None
    difference: Difference | None = None
    direction: Direction | None = None
    diff_file: str | None = None
    heat_file: str | None = None

    def numbers(self) -> dict[str, float]:
        """Return every number by name; empty when there is nothing to compare with."""
        found = {} if self.difference is None else {key: getattr(self.difference, key) for key in NUMBERS}
        if self.direction is not None:
            found.update({key: getattr(self.direction, key) for key in DIRECTIONS})
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON types."""
        return {
            "index": self.cell.index,
            "name": self.cell.name,
            "kind": self.cell.kind,
            "labels": list(self.cell.labels),
            "place": [self.cell.x, self.cell.y, self.cell.z],
            "seed": self.cell.seed,
            "prompt": self.cell.prompt,
            "against": self.cell.against,
            "file": self.file,
            "diff_file": self.diff_file,
            "heat_file": self.heat_file,
            "numbers": self.numbers(),
            "where": None if self.difference is None else list(self.difference.where),
        }


@dataclass(frozen=True)
class Spread:
    """One number over several seeds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """All pictures that differ by seed only: `numbers` are medians with the lowest and highest."""

    label: str
    kind: str
    cells: tuple[int, ...]
    numbers: Mapping[str, Spread]

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON types; each number as [median, low, high]."""
        numbers = {key: [each.median, each.low, each.high] for key, each in self.numbers.items()}
        return {"label": self.label, "kind": self.kind, "cells": list(self.cells), "numbers": numbers}


@dataclass(frozen=True)
class Results:
    """What a run left in `folder`. `complete` is false when it was stopped; the same call goes on from there.

    `notices` tell what the user may not expect: those of the plan, then those of the program that drew.
    """

    folder: Path
    plan: AnalysisPlan
    cells: tuple[CellResult, ...]
    rows: tuple[Row, ...]
    complete: bool
    grid: Path
    diff_grid: Path
    report: Path
    notices: tuple[str, ...] = ()

    def ranked(self, number: str = "diff_percent") -> tuple[Row, ...]:
        """Return the rows of changed blocks, the strongest first (signed numbers by size)."""
        rows = [row for row in self.rows if row.kind in ("block", "cell") and number in row.numbers]
        return tuple(sorted(rows, key=lambda row: abs(row.numbers[number].median), reverse=True))

    def to_json(self) -> dict[str, Any]:
        """Return plan, notices, cells and rows as JSON types."""
        return {
            "plan": self.plan.to_json(),
            "complete": self.complete,
            "notices": list(self.notices),
            "cells": [result.to_json() for result in self.cells],
            "rows": [row.to_json() for row in self.rows],
        }


def rows_of(cells: Sequence[CellResult]) -> tuple[Row, ...]:
    """Gather the cells that differ by seed only, in the order of their first one."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for result in cells:
        groups.setdefault((row_label(result.cell), result.cell.kind), []).append(result)
    return tuple(_row(label, kind, group) for (label, kind), group in groups.items())


def row_label(cell: Cell) -> str:
    """Return the cell's labels without the seed's."""
    return ", ".join(label for label in cell.labels if label and label != seed_label(cell.seed))


def map_files(file: str) -> tuple[str, str]:
    """Return the names of the diff map and the heat map that belong to a picture."""
    stem = PurePosixPath(file).stem
    return f"diff/{stem}.png", f"diff/{stem}-heat.png"


def results_of(folder: Path, plan: AnalysisPlan, cells: tuple[CellResult, ...], notices: Iterable[str] = ()) -> Results:
    """Return the results of these cells, with the files in the places where they always are."""
    return Results(
        folder=folder,
        plan=plan,
        cells=cells,
        rows=rows_of(cells),
        complete=all(result.file is not None for result in cells),
        grid=folder / "grid.png",
        diff_grid=folder / "diff_grid.png",
        report=folder / "report.html",
        notices=tuple(dict.fromkeys((*plan.notices, *notices))),
    )


def results_csv(cells: Sequence[CellResult]) -> str:
    """Return one line per picture, with a header; empty fields where there is no number."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["index", "name", "kind", "seed", *NUMBERS, *DIRECTIONS, "file", "prompt"])
    for result in cells:
        numbers = result.numbers()
        figures = [_figure(numbers.get(key)) for key in (*NUMBERS, *DIRECTIONS)]
        cell = result.cell
        head = [cell.index, _plain(cell.name), cell.kind, cell.seed]
        writer.writerow([*head, *figures, result.file or "", _plain(cell.prompt)])
    return sheet.getvalue()


def _row(label: str, kind: str, group: Sequence[CellResult]) -> Row:
    numbers: dict[str, list[float]] = {}
    for result in group:
        for key, value in result.numbers().items():
            numbers.setdefault(key, []).append(value)
    spreads = {key: Spread(median(values), min(values), max(values)) for key, values in numbers.items()}
    return Row(label, kind, tuple(result.cell.index for result in group), spreads)


def _figure(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"


def _plain(text: str) -> str:
    """Keep a spreadsheet from reading the text as a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
