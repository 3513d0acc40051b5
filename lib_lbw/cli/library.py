"""Which LoRAs are known by name. No torch."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.errors import LoraFileError
from lib_lbw.weights.grammar import find_directives


def known_loras(folders: Iterable[Path], *, embedded: bool = True) -> dict[str, Path]:
    """Return name -> file: those of the embedded model first, then each folder's with its subfolders.

    Of two files with one name the first counts. Raises LoraFileError for a folder that is not there.
    """
    names = demo_lora_names() if embedded else ()
    loras = {name: demo_lora_path(name) for name in names}
    for folder in folders:
        if not folder.is_dir():
            raise LoraFileError("{folder} is no folder", folder=folder)
        for path in sorted(folder.rglob("*.safetensors")):
            loras.setdefault(path.stem, path)
    return loras


def find_lora(text: str, loras: Mapping[str, Path]) -> Path:
    """Return the file that `text` names: a path, or a known file with or without its ending.

    Raises LoraFileError with the nearest name. A path that leads to nothing is returned, to be told of by who opens it.
    """
    path = Path(text)
    if text in loras:
        return loras[text]
    if path.exists():
        return path
    files = {file.name: file for file in loras.values()}
    if text in files:
        return files[text]
    nearest = get_close_matches(text, files if path.suffix else loras, 1)
    if path.suffix and (not nearest or path.name != text):
        return path
    raise LoraFileError(
        "there is no file and no LoRA called {name}{hint}",
        name=text,
        hint=f"; the nearest is {nearest[0]}" if nearest else "",
    )


def named_lora(name: str, loras: Mapping[str, Path]) -> Path:
    """Return the file of a LoRA known by name, as a tag names it. Raises LoraFileError with the nearest name."""
    if name not in loras:
        nearest = get_close_matches(name, loras, 1)
        raise LoraFileError(
            "there is no LoRA called {name}{hint} (--lora-dir adds a folder of LoRAs)",
            name=name,
            hint=f"; the nearest is {nearest[0]}" if nearest else "",
        )
    return loras[name]


def check_tags(prompt: str, loras: Mapping[str, Path]) -> None:
    """Raise DirectiveError or LoraFileError for the first tag that cannot be read or names no known LoRA."""
    for found in find_directives(prompt):
        if found.error is not None:
            raise found.error
        if found.directive is not None:
            named_lora(found.directive.name, loras)
