"""Which LoRAs and presets are known by name. No torch."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.errors import LbwError, LoraFileError
from lib_lbw.weights.presets import PresetBook


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
    """Return the file that `text` names: a path, or a known name. Raises LoraFileError with the nearest name."""
    path = Path(text)
    if text in loras:
        return loras[text]
    if path.is_file() or path.suffix:
        return path
    nearest = get_close_matches(text, loras, 1)
    raise LoraFileError(
        "there is no file and no LoRA called {name}{hint}",
        name=text,
        hint=f"; the nearest is {nearest[0]}" if nearest else "",
    )


def preset_book(path: Path | None) -> PresetBook:
    """Return the shipped presets, and over them those of the file. Raises LbwError for one that cannot be read."""
    shipped = PresetBook.shipped()
    if path is None:
        return shipped
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise LbwError("{path} is not text in UTF-8", path=path) from error
    return shipped.merged(PresetBook.parse(text))
