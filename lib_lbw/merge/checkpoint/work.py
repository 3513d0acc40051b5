"""How far long work is, counted in bytes, and where it may be stopped."""

from lib_lbw.errors import MergeStopped
from lib_lbw.merge.workers import OnProgress, ShouldStop


class Steps:
    """Counts the bytes of a work, so that equal steps take about equal time. `on_progress` gets (done, all, name)."""

    def __init__(self, size: int, on_progress: OnProgress, should_stop: ShouldStop) -> None:
        """`size` bytes will be gone through."""
        self._size = size
        self._done = 0
        self._on_progress = on_progress
        self._should_stop = should_stop

    def begin(self) -> None:
        """Begin the next step. Raises MergeStopped when the work is to end."""
        if self._should_stop():
            raise MergeStopped("The merge was stopped; nothing was written.")

    def end(self, nbytes: int, name: str) -> None:
        """Say that `nbytes` more are done, those of `name`."""
        self._done += nbytes
        self._on_progress(self._done, self._size, name)
