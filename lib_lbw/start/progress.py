"""The status line of an installation: time since its start, what pip is doing, to which package."""

import re
import sys
import time
from pathlib import Path

WIDTH = 99


class Progress:
    """Reads pip's output and says where it is. On a terminal one line is rewritten; elsewhere each step is a line."""

    def __init__(self, venv: Path) -> None:
        """Begin now; `venv` is the environment that is being filled."""
        self._begun = time.monotonic()
        self._venv = venv
        self._before = self._installed()
        self._order: list[str] = []
        self._doing = "asking for versions"

    @property
    def installing(self) -> bool:
        """Whether pip has everything and has begun to change `.venv`."""
        return bool(self._order)

    def show(self, line: str) -> None:
        """Take one line of pip's output ("" when only time has passed) and show the status."""
        before = self._doing
        self._read(line)
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        status = f"[{minutes}:{seconds:02}] {self._doing}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{status[:WIDTH]:<{WIDTH}}")
        elif self._doing != before:
            sys.stderr.write(status + "\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the status line off the terminal."""
        if sys.stderr.isatty():
            sys.stderr.write("\r" + " " * WIDTH + "\r")

    def _read(self, line: str) -> None:
        step = re.match(r"\s*(Collecting|Downloading|Using cached|Processing) (\S+)(?:.*(\([\d.]+ [kMG]?B\)))?", line)
        if step:
            verb = "downloading" if step[1] == "Downloading" else "reading"
            self._doing = " ".join(filter(None, [verb, step[2].rsplit("/", 1)[-1], step[3]]))
        elif line.startswith("Installing collected packages: "):
            self._order = line.split(": ", 1)[1].strip().split(", ")
        if self._order:
            done = min(max(self._installed() - self._before, 0), len(self._order) - 1)
            self._doing = f"installing {self._order[done]} ({done + 1} of {len(self._order)})"

    def _installed(self) -> int:
        folders = ("lib/python*/site-packages", "Lib/site-packages")  # POSIX, Windows
        return max(sum(1 for _ in self._venv.glob(f"{folder}/*.dist-info")) for folder in folders)
