"""Files that are whole or not there: written beside their place, then moved onto it."""

import json
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, making its folder; a reader sees the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with the line ends as they are."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write `data` as indented JSON."""
    write_text(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")


def write_png(path: Path, image: Image.Image, parameters: str | None = None) -> None:
    """Write a PNG; `parameters` goes into the text chunk of that name, which WebUIs read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngInfo()
    if parameters is not None:
        info.add_text("parameters", parameters)
    part = path.with_name(path.name + ".part")
    image.save(part, format="PNG", pnginfo=info)
    part.replace(path)


def read_image(path: Path) -> Image.Image:
    """Return the whole picture, decoded, with the file closed."""
    with Image.open(path) as image:
        image.load()
        return image.copy()
