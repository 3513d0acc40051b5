"""Words on pictures: a font that has the letters, and lines that fit a width."""

import os
import re
from functools import lru_cache
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from unicodedata import normalize

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SMALLEST = 11
"""The smallest font size, in pixels, at which a label is still readable."""

_WIDE_FONTS = (
    "YuGothM.ttc",
    "meiryo.ttc",
    "msgothic.ttc",
    "msyh.ttc",
    "ヒラギノ角ゴシック W3.ttc",
    "Hiragino Sans GB.ttc",
    "PingFang.ttc",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "NotoSansJP-Regular.ttf",
    "NotoSansJP-Regular.otf",
    "ipaexg.ttf",
    "ipag.ttf",
    "TakaoGothic.ttf",
    "VL-Gothic-Regular.ttf",
    "DejaVuSans.ttf",
)
_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
)
_WORD = re.compile(r"\s+|[^\s,;:|/_\-\u2e80-\uffef]+[,;:|/_\-]*|[,;:|/_\-]+|[\u2e80-\uffef]")


def font_for(text: str, size: int) -> Font:
    """Return a font of `size` pixels that can draw `text`: Pillow's own for Latin, else one found on the system.

    Without such a font on the system Pillow's own is returned, which draws unknown letters as boxes.
    """
    path = None if _is_latin(text) else _wide_font()
    return _own(size) if path is None else _load(path, size)


def width(text: str, font: Font) -> int:
    """Return the width in pixels that `text` needs on one line."""
    left, _, right, _ = font.getbbox(text)
    return ceil(max(right, font.getlength(text)) - min(left, 0))


def line_height(font: Font) -> int:
    """Return the distance in pixels from one line to the next."""
    if isinstance(font, ImageFont.FreeTypeFont):
        ascent, descent = font.getmetrics()
        return ascent + descent
    return int(font.getbbox("Ag")[3]) + 2


def atoms(text: str) -> list[str]:
    """Cut `text` where a line may end: after a space or a joining sign, and around every wide letter."""
    return _WORD.findall(text)


def wrap(text: str, font: Font, limit: int) -> list[str]:
    """Break `text` into lines no wider than `limit` pixels; a word wider than that is broken inside.

    Only a single letter may exceed `limit`. Nothing but spaces at line ends is lost. Line breaks in `text` are kept.
    """
    return [line for part in text.split("\n") for line in _wrap_line(part, font, limit)]


def _wrap_line(text: str, font: Font, limit: int) -> list[str]:
    lines, line = [], ""
    for atom in atoms(text):
        for piece in [atom] if width(atom.strip(), font) <= limit else list(atom):
            if line and width((line + piece).strip(), font) > limit:
                lines.append(line.strip())
                line = ""
            line += piece
    return [*lines, line.strip()]


def _is_latin(text: str) -> bool:
    return all(ord(letter) < 0x180 or letter in "–—‘’“”…•" for letter in text)


@lru_cache(maxsize=64)
def _own(size: int) -> Font:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # before Pillow 10.1, which WebUIs have, its own font has one size, too small to read
        path = _matplotlib_font() or _wide_font()
        return ImageFont.load_default() if path is None else _load(path, size)


def _matplotlib_font() -> str | None:
    """Return the font that comes with matplotlib, a part of every WebUI; None without it."""
    found = find_spec("matplotlib")
    folders = [] if found is None else found.submodule_search_locations or []
    paths = (Path(folder, "mpl-data", "fonts", "ttf", "DejaVuSans.ttf") for folder in folders)
    return next((str(path) for path in paths if path.is_file()), None)


@lru_cache(maxsize=64)
def _load(path: str, size: int) -> Font:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=1)
def _wide_font() -> str | None:
    folders = [Path(folder).expanduser() for folder in _FOLDERS]
    if "WINDIR" in os.environ:
        folders.append(Path(os.environ["WINDIR"]) / "Fonts")
    found = {
        normalize("NFC", path.name): path
        for folder in folders
        if folder.is_dir()
        for path in folder.rglob("*.[to]t[cf]")
    }
    return next((str(found[name]) for name in _WIDE_FONTS if name in found), None)
