"""Where an installation lives, and how a finished one is known."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from lib_lbw.start.faults import INCOMPLETE, StartError

VERSION = "{}.{}".format(*sys.version_info)


@dataclass(frozen=True)
class Home:
    """The folder of the program (where pyproject.toml and constraints.txt are) and the `.venv` in it."""

    root: Path

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of `.venv`, there or not."""
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def unfinished(self) -> Path:
        """A file that exists while an installation runs; found at a start, the last one was cut off."""
        return self.venv / "lbw-unfinished"

    @property
    def constraints(self) -> Path:
        """The exact versions."""
        return self.root / "constraints.txt"

    @property
    def log(self) -> Path:
        """The whole output of the last pip."""
        return self.venv / "lbw-install.log"

    def stamp(self, group: str) -> Path:
        """The file that says what was installed for `group`."""
        return self.venv / f"lbw-{group}.stamp"

    def requirements(self, group: str) -> list[str]:
        """Return one list of pyproject.toml: "dependencies", or a dependency group. (Python 3.10 has no tomllib.)"""
        text = _read(self.root / "pyproject.toml")
        found = re.search(rf"^{re.escape(group)} = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
        if found is None:
            raise StartError(INCOMPLETE, path=self.root / "pyproject.toml")
        return re.findall(r'"([^"]+)"', found[1])

    def target(self, group: str) -> str:
        """Return what a finished installation is known by: Python's version, requirements, exact versions."""
        return "\n".join([f"Python {VERSION}", *self.requirements(group), _read(self.constraints)])

    def holds(self, group: str) -> bool:
        """Whether `group` is installed, whole, at the versions of today's constraints.txt."""
        stamp, target = self.stamp(group), self.target(group)
        if self.unfinished.exists() or not self.python.exists() or not stamp.exists():
            return False
        return stamp.read_text("utf-8") == target


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(INCOMPLETE, path=path) from error
