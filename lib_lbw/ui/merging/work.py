"""One merge at a time, in a thread of its own: how far it is, what came of it, and how to stop it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lib_lbw.errors import LbwError, MergeError, MergeStopped
from lib_lbw.merge.workers import OnProgress, ShouldStop

Work = Callable[[OnProgress, ShouldStop], dict[str, Any]]
"""Does the work, and returns what there is to tell of the result, ready for JSON."""


@dataclass(frozen=True)
class State:
    """How far the work is: `done` of `all` parts, `name` the last one, `seconds` so far and `left` to come.

    `number` tells one piece of work from the next. At the end one of `result`, `error` and `stopped` is set.
    """

    number: int = 0
    running: bool = False
    done: int = 0
    all: int = 0
    name: str = ""
    seconds: float = 0.0
    left: float | None = None
    result: dict[str, Any] | None = None
    error: LbwError | None = None
    stopped: bool = False


class Worker:
    """Does one piece of work at a time, whichever page asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> State:
        """How far it is."""
        with self._lock:
            return self._state

    def start(self, work: Work) -> State:
        """Begin. Raises MergeError while another piece of work is under way."""
        with self._lock:
            if self._state.running:
                raise MergeError("another merge is running; wait for it, or stop it")
            self._stop = threading.Event()
            self._state = State(number=self._state.number + 1, running=True)
            self._thread = threading.Thread(target=self._run, args=(work, self._stop), name="lbw-merge", daemon=True)
            self._thread.start()
            return self._state

    def stop(self) -> State:
        """Ask the work to stop; it does so after the part it is at, and leaves nothing behind."""
        self._stop.set()
        return self.state

    def wait(self, seconds: float) -> State:
        """Wait for the end, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.state

    def _run(self, work: Work, stop: threading.Event) -> None:
        begun = time.monotonic()

        def tell(done: int, total: int, name: str) -> None:
            seconds = time.monotonic() - begun
            left = seconds / done * (total - done) if done else None
            self._change(done=done, all=total, name=name, seconds=seconds, left=left)

        try:
            self._change(result=work(tell, stop.is_set))
        except MergeStopped:
            self._change(stopped=True)
        except LbwError as error:
            self._change(error=error)
        except (OSError, MemoryError) as error:  # a full disk or memory is the user's to mend, and must not go unseen
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self._change(error=MergeError("the merge failed: {reason}", reason=reason))
        finally:
            self._change(running=False, seconds=time.monotonic() - begun)

    def _change(self, **fields: Any) -> None:
        with self._lock:
            self._state = replace(self._state, **fields)
