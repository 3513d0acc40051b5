"""How far a long command is, on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGINT, default_int_handler, signal
from types import FrameType

from lib_lbw.cli.output import said

WIDTH = 24
QUIET = 5.0  # seconds between lines where stderr is no terminal


class Bar:
    """A bar that is rewritten on a terminal; elsewhere a line now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin; `clock` counts seconds."""
        self._clock = clock
        self._live = sys.stderr.isatty()
        self._last = -QUIET

    def show(self, done: float, total: int, text: str = "") -> None:
        """Show that `done` of `total` is finished (a fraction within one counts), with `text` behind."""
        full = int(WIDTH * done / total) if total else WIDTH
        line = f"{'#' * full:.<{WIDTH}} {int(done)}/{total} {text}".rstrip()
        if self._live:
            said(f"\r\x1b[2K{line}")
        elif done >= total or self._clock() - self._last >= QUIET:
            self._last = self._clock()
            said(line + "\n")

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._live:
            said("\r\x1b[2K")


def duration(seconds: float | None) -> str:
    """Return a time as people read it, 1:02:03 or 2:03; empty when it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def stop_on_ctrl_c() -> Iterator[Callable[[], bool]]:
    """Give a question that is answered yes once Ctrl+C was pressed; a second press interrupts at once."""
    pressed = False

    def press(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal(SIGINT, default_int_handler)

    before = signal(SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal(SIGINT, before)
