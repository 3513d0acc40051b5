"""The JavaScript of the panels: the WebUI loads the folder by itself, the app puts it into its page."""

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


def folder() -> Path:
    """Return the folder of the scripts: beside the package in a checkout, inside it in a wheel."""
    inside = _HERE / "javascript"
    return inside if inside.is_dir() else _HERE.parents[1] / "javascript"


@cache
def source() -> str:
    """Return all scripts in the order of their names, as one."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder().glob("*.js")))
