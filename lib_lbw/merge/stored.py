"""The recipe inside a file: written with the numbers that came of it, read again to do the same once more."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib_lbw.errors import LbwError, MergeError
from lib_lbw.lora.header import read_header
from lib_lbw.lora.writer import HASH_KEY
from lib_lbw.merge.destination import SUFFIX
from lib_lbw.merge.digest import payload_digest
from lib_lbw.merge.metadata import PROGRAM, RECIPE_KEY
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.recipe_json import recipe_from_json, recipe_to_json
from lib_lbw.merge.sources import Opened


@dataclass(frozen=True)
class Stored:
    """What a file says of how it was made: its recipe, and what came of it (as written by `to_store`)."""

    recipe: Recipe
    result: Mapping[str, Any]


def settled(recipe: Recipe, opened: Sequence[Opened], digests: Mapping[Path, tuple[str, int]]) -> Recipe:
    """Return the recipe in numbers: no presets, seeds or X, and every file that goes in known by its payload.

    `digests`: resolved path -> (sha256 in hex, bytes) of the payload.
    """
    sources = tuple(_settled(each, *digests[each.identity]) for each in opened)
    sha256, size = ("", 0) if recipe.base is None else digests[recipe.base.resolve()]
    return replace(recipe, sources=sources, base_sha256=sha256, base_size=size)


def to_store(recipe: Recipe, written: Recipe, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in the metadata: the settled recipe, the weights as they were `written`, and the result."""
    return {
        "program": PROGRAM,
        "recipe": recipe_to_json(recipe),
        "written": [_words(source) for source in written.sources],
        "result": dict(result),
    }


def recipe_of(path: Path) -> Recipe:
    """Return the recipe of a file, as `stored_in` does."""
    return stored_in(path).recipe


def stored_in(path: Path) -> Stored:
    """Return the recipe and the result of a file that this program made; its sources are taken to lie beside the file.

    Raises LoraFileError, and MergeError for a file without a recipe.
    """
    text = read_header(path).metadata.get(RECIPE_KEY)
    if text is None:
        raise MergeError("{path} holds no recipe; only files made by this program do.", path=path)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MergeError("{path}: the recipe is not JSON.", path=path) from error
    data = data if isinstance(data, dict) else {}
    recipe = replace(recipe_from_json(data.get("recipe"), path.parent), output=path)
    result = data.get("result")
    return Stored(recipe, result if isinstance(result, dict) else {})


def find_sources(recipe: Recipe, folders: Iterable[Path], files: Iterable[Path] = ()) -> Recipe:
    """Return the recipe with the files in which its sources and its base lie now, also when renamed or moved.

    Looks for their payloads where they were, among `files`, and in `folders` with their subfolders. Raises MergeError
    for a file that is not there any more, or that was changed.
    """
    known = sorted({*files, *(path for folder in folders for path in folder.rglob(f"*{SUFFIX}"))})
    sources = tuple(replace(source, path=_found(source, known)) for source in recipe.sources)
    if recipe.base is None:
        return replace(recipe, sources=sources)
    base = Source(recipe.base, sha256=recipe.base_sha256, size=recipe.base_size)
    return replace(recipe, sources=sources, base=_found(base, known))


def _settled(opened: Opened, sha256: str, size: int) -> Source:
    numbers = opened.weights.resolved().weights
    weights = "" if numbers is None else str(numbers)
    return replace(opened.source, weights=weights, elements="", seed=0, x=None, sha256=sha256, size=size)


def _words(source: Source) -> dict[str, Any]:
    return {"weights": source.weights, "elements": source.elements, "seed": source.seed, "x": source.x}


def _found(source: Source, known: Sequence[Path]) -> Path:
    named = [path for path in dict.fromkeys([source.path, *known]) if path.name == source.path.name and path.is_file()]
    for path in [*named, *_of_size(source, known)]:
        if not source.sha256 or payload_digest(path) == (source.sha256, source.size):
            return path
    if named:
        raise MergeError("{path} was changed since; the recipe is of another file of that name.", path=named[0])
    raise MergeError("{name} is not there any more, under no name.", name=source.path.name)


def _of_size(source: Source, known: Iterable[Path]) -> Iterator[Path]:
    """Give the files whose payload is as large, those first whose metadata names the payload."""
    fitting: list[tuple[bool, Path]] = []
    for path in known:
        try:
            header = read_header(path)
        except LbwError:  # a broken file is not the one
            continue
        if header.size - header.data_start == source.size:
            fitting.append((header.metadata.get(HASH_KEY) != source.sha256, path))
    yield from (path for _, path in sorted(fitting))
