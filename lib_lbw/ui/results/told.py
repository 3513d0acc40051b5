"""One analysis for the page: its rows with numbers, which picture each is compared with, and its blocks to draw."""

from dataclasses import dataclass
from statistics import fmean
from typing import Any

from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.results import CellResult, Results, Row, row_label
from lib_lbw.blocks.family import Family, families
from lib_lbw.lora.file import LoraFile
from lib_lbw.ui.diagram import diagram
from lib_lbw.ui.diagram_cells import short
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.outcome import NUMBERS, block_axis, row_name
from lib_lbw.ui.results.whole import whole_blocks
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import find_directives, format_weights

_DIGITS = 6
_CHANGED = ("block", "cell")


@dataclass(frozen=True)
class Telling:
    """Results, the LoRA's file where it is still there, and the language."""

    results: Results
    file: LoraFile | None
    translate: Translate

    @property
    def family(self) -> Family | None:
        """The family of the LoRA; by the plan when the file is gone, None for one that is not known any more."""
        title = self.results.plan.family
        known = next((each for each in families() if each.title == title), None)
        return known or (self.file.family if self.file else None)

    def to_json(self) -> dict[str, Any]:
        """Return everything the panel shows but the pictures."""
        plan, family = self.results.plan, self.family
        base, elements = standing(plan)
        rows = [self._row(row) for row in self.results.rows if row.kind in _CHANGED]
        files = {cell.picture: result.file for cell, result in zip(plan.cells, self.results.cells, strict=True)}
        return {
            "name": self.results.folder.name,
            "lora": plan.lora,
            "known": self.file is not None,
            "family": None if family is None else family.id,
            "kind": plan.kind,
            "prompt": str(plan.study.get("prompt", "")),
            "inverse": bool(plan.study.get("inverse")),
            "drawn": sum(file is not None for file in files.values()),
            "count": len(files),
            "notices": [self.translate(notice) for notice in self.results.notices],
            "numbers": self._numbers(rows),
            "rows": rows,
            "seeds": list(dict.fromkeys(cell.seed for cell in plan.cells if cell.kind in _CHANGED)),
            "weights": base,
            "elements": elements,
            "svg": self._drawing(family, rows),
        }

    def _numbers(self, rows: list[dict[str, Any]]) -> list[dict[str, str]]:
        found = {name for row in rows for name in row["numbers"]}
        return [
            {"name": name, "short": self.translate(heading), "long": self.translate(meaning)}
            for name, (heading, meaning) in NUMBERS.items()
            if name in found
        ]

    def _row(self, row: Row) -> dict[str, Any]:
        """Return a row: its blocks, each number as [mean, lowest, highest], and its cells seed by seed."""
        results = [self.results.cells[cell] for cell in row.cells]
        plan, family = self.results.plan, self.family
        place = block_axis(plan)
        written = "" if place is None else results[0].cell.labels[place]
        block = family.block(written) if family else None
        return {
            "label": row_name(self.results, row),
            "block": block if block == written else None,
            "blocks": list(whole_blocks(written, family)) if family else [],
            "numbers": {name: _spread(results, name) for name in row.numbers},
            "cells": [self._compared(result) for result in results],
        }

    def _compared(self, result: CellResult) -> dict[str, Any]:
        """Return the pictures of a cell: without the LoRA, with it, and its own; those that there are, with labels."""
        plan, cell = self.results.plan, result.cell
        around = [cell.opposite, cell.against] if plan.opposite == "base" else [cell.against, cell.opposite]
        shown = [plan.cells[each] for each in around if each is not None]
        return {
            "seed": cell.seed,
            "cell": cell.index,
            "drawn": result.file is not None,
            "measured": result.diff_file is not None,
            "pictures": [self._picture(each) for each in (*shown, cell) if self.results.cells[each.index].file],
            "against": cell.against,
        }

    def _picture(self, cell: Cell) -> dict[str, Any]:
        return {"cell": cell.index, "kind": cell.kind, "label": self._label(cell)}

    def _label(self, cell: Cell) -> str:
        """Return what a picture shows; in a study of blocks with the weight that its block has there."""
        label = row_label(cell) or cell.name
        span = self.results.plan.study.get("range")
        if self.results.plan.kind != "blocks" or not span:
            return label
        low, high = (short(number) for number in span)
        inverse = self.results.plan.study.get("inverse")
        if cell.kind == "base":
            return self.translate("no LoRA")
        if cell.kind == "block":
            return say(self.translate, "{block} at {weight}", block=label, weight=high if inverse else low)
        if cell.kind == "reference" and inverse:
            return say(self.translate, "all at {weight}", weight=low)
        own = label.startswith("own")
        return self.translate("own weights") if own else say(self.translate, "all at {weight}", weight=high)

    def _drawing(self, family: Family | None, rows: list[dict[str, Any]]) -> str | None:
        """Return the family's blocks, each row's with a number of its own; None where no row is one of them."""
        blocks = [row["block"] for row in rows if row["block"]]
        if family is None or not blocks:
            return None
        present = tuple(self.file.blocks) if self.file else None
        leaves = {leaf: float(number) for number, block in enumerate(blocks, 1) for leaf in family.leaves(block)}
        return diagram(leaves, family, "effect", present=present, translate=self.translate)


def standing(plan: AnalysisPlan) -> tuple[str, str]:
    """Return the weights and the elemental preset that the LoRA had in the picture with all of its effect."""
    wanted = ("full", "reference") if plan.opposite == "full" else ("reference", "full")
    for kind in wanted:
        for cell in plan.cells:
            if cell.kind == kind:
                return _written(cell.prompt, plan.lora)
    return _written(str(plan.study.get("prompt", "")), plan.lora)


def _written(prompt: str, lora: str) -> tuple[str, str]:
    tags = [tag.directive for tag in find_directives(prompt)]
    own = next((tag for tag in tags if isinstance(tag, Directive) and tag.name == lora), None)
    if own is None:
        return "", ""
    return format_weights(own.weights) if own.weights else "", own.elements or ""


def _spread(results: list[CellResult], name: str) -> list[float]:
    """Return mean, lowest and highest of a number over the seeds that were drawn."""
    values = [numbers[name] for numbers in (result.numbers() for result in results) if name in numbers]
    return [round(each, _DIGITS) for each in (fmean(values), min(values), max(values))]
