"""What was filled into the merge panel, as a recipe."""

from collections.abc import Mapping
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, get_args

import torch

from lib_lbw.errors import LbwError, MergeError
from lib_lbw.merge.destination import Replace, file_in
from lib_lbw.merge.device import usable
from lib_lbw.merge.recipe import DType, Kind, Method, Operation, Ranks, Recipe, Source
from lib_lbw.merge.recipe_json import named_rule
from lib_lbw.ui.door.desk import Question
from lib_lbw.ui.merging.place import Place

_MEGABYTE = 1_000_000


def recipe_of(place: Place, question: Question) -> Recipe:
    """Return the recipe that was filled in.

    `operation`, `rows` (name, ratio, te, unet, weights, elements), `base` (a checkpoint by name), `method`, `density`,
    `seed`, `rank`, `conv`, `te_rank`, `rule` with `rule_number`, `megabytes`, `relative` (to the layers of `base`),
    `dtype`, `output` (a name), `leave_out`.
    Raises LbwError for what is missing or of another kind, MergeError for what contradicts itself.
    """
    operation: Operation = one_of(question.text("operation"), get_args(Operation))
    into = operation == "into-checkpoint"
    base = question.text("base", "")
    return Recipe(
        operation=operation,
        sources=_sources(place, question, operation),
        output=_output(place, question.text("output", ""), into=into),
        method=_method(question),
        ranks=_ranks(question),
        dtype=one_of(question.text("dtype", "auto"), get_args(DType)),
        base=place.checkpoint(base) if base else None,
        leave_out=bool(question.values.get("leave_out")),
    )


def device_of(question: Question) -> torch.device:
    """Return where to compute: the processor unless another was chosen. Raises MergeError for what is not there."""
    return usable(question.text("device", "cpu"))


def replace_of(question: Question) -> Replace:
    """Return what may be overwritten: a file of that name when it was said so, never one that goes in."""
    return "file" if question.values.get("overwrite") else "nothing"


def one_of(text: str, known: tuple[Any, ...]) -> Any:
    """Return `text` if it is one of the words that are known. Raises LbwError."""
    if text not in known:
        raise LbwError("{text!r} is none of {known}", text=text, known=", ".join(map(str, known)))
    return text


def _sources(place: Place, question: Question, operation: Operation) -> tuple[Source, ...]:
    rows = question.values.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LbwError("the question needs a list called {name!r}", name="rows")
    find = place.checkpoint if operation == "extract" else lambda name: place.desk.file(name).path
    return tuple(_source(find, Question(row, question.language)) for row in rows if row.get("name"))


def _source(find: Any, row: Question) -> Source:
    return Source(
        path=find(row.text("name")),
        ratio=row.number("ratio", 1.0),
        te=row.number("te", 1.0),
        unet=row.number("unet", 1.0),
        weights=row.text("weights", "").strip(),
        elements=row.text("elements", "").strip(),
        seed=int(row.number("seed", 0)),
    )


def _output(place: Place, name: str, *, into: bool) -> Path:
    folder = place.checkpoint_folder if into else place.folder
    if folder is None:
        raise MergeError("there is no folder of checkpoints here")
    folder.mkdir(parents=True, exist_ok=True)
    return file_in(folder, name.strip()) if name.strip() else _free(folder)


def _free(folder: Path) -> Path:
    """Return the first file merged, merged-2, merged-3, ... that is not there."""
    names = chain(["merged"], map("merged-{}".format, count(2)))
    return next(path for path in map(partial(file_in, folder), names) if not path.exists())


def _method(question: Question) -> Method:
    kind: Kind = one_of(question.text("method", "sum"), get_args(Kind))
    return Method(kind, density=question.number("density", 0.5), seed=int(question.number("seed", 0)))


def _ranks(question: Question) -> Ranks:
    values: Mapping[str, Any] = question.values
    rule = question.text("rule", "")
    return Ranks(
        linear=_whole(values, "rank"),
        conv=_whole(values, "conv"),
        te=_whole(values, "te_rank"),
        rule=named_rule(rule, _rule_number(question, rule)) if rule else None,
        size=int(question.number("megabytes", 0) * _MEGABYTE) or None,
        relative=bool(values.get("relative")),
    )


def _rule_number(question: Question, rule: str) -> float:
    number = question.number("rule_number", 0)
    return int(number) if rule == "fixed" else number


def _whole(values: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number, None where the field is empty. Raises LbwError for anything else."""
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise LbwError("the question needs a number called {name!r}", name=name)
    return int(value)
