"""A recipe as JSON, both ways. Folders are left out: a file that is passed on tells no names of its maker's disk."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lib_lbw.errors import MergeError
from lib_lbw.merge.numbers.ranks import Fixed, RankRule, SvCumulative, SvFro, SvRatio
from lib_lbw.merge.recipe import Method, Ranks, Recipe, Source

VERSION = 1
_RULES: Mapping[str, type[Fixed] | type[SvRatio] | type[SvFro] | type[SvCumulative]] = MappingProxyType(
    {"fixed": Fixed, "sv_ratio": SvRatio, "sv_fro": SvFro, "sv_cumulative": SvCumulative}
)


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as JSON values; files by name only."""
    ranks, method = recipe.ranks, recipe.method
    return {
        "version": VERSION,
        "operation": recipe.operation,
        "sources": [source_to_json(source) for source in recipe.sources],
        "output": recipe.output.name,
        "method": vars(method).copy(),
        "ranks": {**vars(ranks), "rule": None if ranks.rule is None else rule_to_json(ranks.rule)},
        "dtype": recipe.dtype,
        "base": None if recipe.base is None else recipe.base.name,
        "leave_out": recipe.leave_out,
        "base_sha256": recipe.base_sha256,
        "base_size": recipe.base_size,
    }


def recipe_from_json(data: Any, folder: Path = Path()) -> Recipe:
    """Read what `recipe_to_json` wrote; names are taken for files in `folder`.

    Raises MergeError for another version and for what is no recipe.
    """
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        raise MergeError("a recipe of version {version} cannot be read; this is version {own}.", **_versions(version))
    try:
        rule = data["ranks"]["rule"]
        return Recipe(
            operation=data["operation"],
            sources=tuple(source_from_json(source, folder) for source in data["sources"]),
            output=folder / Path(data["output"]).name,
            method=Method(**data["method"]),
            ranks=_ranks(data["ranks"], rule),
            dtype=data["dtype"],
            base=None if data["base"] is None else folder / Path(data["base"]).name,
            leave_out=data["leave_out"],
            base_sha256=data.get("base_sha256", ""),
            base_size=data.get("base_size", 0),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise MergeError("the recipe is damaged: {reason}.", reason=error) from error


def _ranks(data: Mapping[str, Any], rule: Mapping[str, float] | None) -> Ranks:
    blocks = tuple((str(area), int(rank)) for area, rank in data.get("blocks", ()))
    return Ranks(**{**data, "rule": None if rule is None else rule_from_json(rule), "blocks": blocks})


def source_to_json(source: Source) -> dict[str, Any]:
    """Return a source as JSON values, its file by name."""
    return {"name": source.path.name, **{key: value for key, value in vars(source).items() if key != "path"}}


def source_from_json(data: Mapping[str, Any], folder: Path) -> Source:
    """Read what `source_to_json` wrote. Raises KeyError and TypeError."""
    return Source(folder / Path(data["name"]).name, **{key: value for key, value in data.items() if key != "name"})


def rule_to_json(rule: RankRule) -> dict[str, float]:
    """Return {kind: number}."""
    kind = next(name for name, made in _RULES.items() if made is type(rule))
    (number,) = vars(rule).values()
    return {kind: number}


def rule_from_json(data: Mapping[str, float]) -> RankRule:
    """Read what `rule_to_json` wrote. Raises MergeError for an unknown kind or an impossible number."""
    ((kind, number),) = data.items()
    return named_rule(kind, number)


def named_rule(kind: str, number: float) -> RankRule:
    """Return the rule of that name: fixed, sv_ratio, sv_fro or sv_cumulative. Raises MergeError."""
    if kind not in _RULES:
        raise MergeError("{kind} is no rule for the rank: {known}.", kind=kind, known=", ".join(_RULES))
    return _RULES[kind](number)  # type: ignore[arg-type]  # Fixed takes a whole number


def _versions(version: Any) -> dict[str, Any]:
    return {"version": version, "own": VERSION}
