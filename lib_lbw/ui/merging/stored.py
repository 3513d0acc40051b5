"""The recipe inside a LoRA that this program made, as the values of the form it can be done again with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib_lbw.errors import MergeError
from lib_lbw.merge.metadata import sentence
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from lib_lbw.merge.recipe_json import rule_to_json
from lib_lbw.merge.stored import find_sources, recipe_of
from lib_lbw.ui.door.desk import Question
from lib_lbw.ui.merging.names import by_name
from lib_lbw.ui.merging.place import Place

_MEGABYTE = 1_000_000


def stored_form(place: Place, question: Question) -> dict[str, Any]:
    """Return the recipe of the LoRA called `name`: `sentence` for people, and `form`, the values of the panel.

    `fault` says which source is not there any more; its row then has the name it had. Raises MergeError for a LoRA
    without a recipe, LoraFileError for none of that name.
    """
    path = place.desk.file(question.text("name")).path
    recipe = recipe_of(path)
    told: dict[str, Any] = {"sentence": sentence(recipe), "fault": None}
    try:
        recipe = find_sources(recipe, _folders(place))
    except MergeError as error:
        told["fault"] = by_name(error).localized(question.translate)
    return {**told, "form": _form(place, recipe)}


def _folders(place: Place) -> set[Path]:
    files = [*place.desk.loras().values(), *place.checkpoints().values()]
    return {path.parent for path in files} | {place.folder}


def _form(place: Place, recipe: Recipe) -> dict[str, Any]:
    checkpoints = place.checkpoints()
    known = checkpoints if recipe.operation == "extract" else place.desk.loras()
    values = {
        "operation": recipe.operation,
        "rows": [_row(source, known) for source in recipe.sources],
        "base": "" if recipe.base is None else _name(recipe.base, checkpoints),
        "method": recipe.method.kind,
        "density": recipe.method.density,
        "seed": recipe.method.seed,
        "dtype": recipe.dtype,
        "output": recipe.output.stem,
        "leave_out": recipe.leave_out,
        **_ranks(recipe.ranks),
    }
    return {key: value for key, value in values.items() if value is not None}


def _row(source: Source, known: Mapping[str, Path]) -> dict[str, Any]:
    return {
        "name": _name(source.path, known), "ratio": source.ratio, "te": source.te, "unet": source.unet,
        "weights": source.weights, "elements": source.elements,
    }  # fmt: skip


def _name(path: Path, known: Mapping[str, Path]) -> str:
    """Return the name that the home has for a file, its stem for a file it does not have."""
    names = [name for name, each in known.items() if each == path]
    return path.stem if path.stem in names or not names else names[0]


def _ranks(ranks: Ranks) -> dict[str, Any]:
    told: dict[str, Any] = {"rank": ranks.linear, "conv": ranks.conv, "te_rank": ranks.te}
    if ranks.size is not None:
        told |= {"megabytes": ranks.size / _MEGABYTE, "relative": ranks.relative}
    if ranks.rule is not None:
        ((kind, number),) = rule_to_json(ranks.rule).items()
        told |= {"rank": number} if kind == "fixed" else {"rule": kind, "rule_number": number}
    return told
