"""Pictures of an analysis as data URLs, small ones for lists, so that a page needs no way to the files."""

import base64
import io
from pathlib import Path

from PIL import Image

from lib_lbw.analysis.files import read_image

THUMBNAIL = 192
"""Longest side of a small picture, in pixels."""

LARGEST = 1536
"""Longest side of a whole one: what a screen shows, and a hidden text box carries."""

_QUALITY = {THUMBNAIL: 82, LARGEST: 92}


def data_url(path: Path, side: int) -> str:
    """Return the picture, its longest side at most `side` pixels, in the smaller of PNG and JPEG."""
    image = read_image(path).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    drawing = _encoded(image, "PNG", optimize=True)
    photo = _encoded(image, "JPEG", quality=_QUALITY.get(side, 90), subsampling=0)
    kind, data = ("png", drawing) if len(drawing) <= len(photo) else ("jpeg", photo)
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def _encoded(image: Image.Image, kind: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
