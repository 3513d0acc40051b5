"""The JavaScript and the style of the panels: the WebUI loads both by itself, the app puts them into its page."""

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


def style() -> str:
    """Return the style sheet of the panels: that of the root in a checkout, the one beside this file in a wheel."""
    inside = _HERE / "panels.css"
    return (inside if inside.is_file() else _HERE.parents[1] / "style.css").read_text(encoding="utf-8")
