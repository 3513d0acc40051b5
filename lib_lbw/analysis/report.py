"""The report: one HTML file that needs nothing else, to look at, sort and compare.

The page is a template with three marks; everything that came from a user travels as JSON and reaches the page as text
nodes only, so no prompt or file name can become markup.
"""

import base64
import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from lib_lbw.analysis.files import read_image, write_text
from lib_lbw.analysis.results import Results

_SIDE = 512
_QUALITY = 88


def write_report(results: Results) -> Path:
    """Write `report.html` into the results folder and return its path."""
    write_text(results.report, report_html(results))
    return results.report


def report_html(results: Results) -> str:
    """Return the page with its style, script, data and pictures inside."""
    page = _part("report.html")
    for mark, text in (
        ("/*STYLE*/", _part("report.css")),
        ("/*SCRIPT*/", _part("report.js")),
        ("/*WORDS*/", _embedded(json.loads(_part("report.json")))),
        ("/*DATA*/", _embedded(report_data(results))),
    ):
        head, found, tail = page.partition(mark)
        if not found:
            raise AssertionError(f"the report template lacks {mark}")
        page = head + text + tail
    return page


def report_data(results: Results) -> dict[str, Any]:
    """Return what the page shows: the results, and each picture once as a small data URI by its file name."""
    data = results.to_json()
    names = {name for cell in results.cells for name in (cell.file, cell.diff_file, cell.heat_file) if name}
    data["images"] = {name: _data_uri(results.folder / name) for name in sorted(names)}
    return data


def _embedded(data: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _data_uri(path: Path) -> str:
    image = read_image(path).convert("RGB")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    photo = _encoded(image, "JPEG", quality=_QUALITY, subsampling=0)  # optimize fails on noise
    drawing = _encoded(image, "PNG", optimize=True)
    kind, data = ("jpeg", photo) if len(photo) < len(drawing) else ("png", drawing)
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def _encoded(image: Image.Image, kind: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _part(name: str) -> str:
    return (files("lib_lbw.analysis") / "data" / name).read_text(encoding="utf-8")
