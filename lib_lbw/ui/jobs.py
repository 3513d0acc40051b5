"""Long jobs: work that reports by callback, turned into a generator that gradio can show, and stopped from outside."""

import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_Event = TypeVar("_Event")
_Result = TypeVar("_Result")


class Job(Generic[_Event]):
    """What the work of a job is given: where to report, and whether to stop."""

    def __init__(self, report: Callable[[_Event], None], should_stop: Callable[[], bool]) -> None:
        self.report = report
        self.should_stop = should_stop


class Desk:
    """The jobs under way, each under the name of the page that began it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}

    def stop(self, owner: str) -> bool:
        """Ask the job of `owner` to stop; False if there is none."""
        with self._lock:
            asked = self._stops.get(owner)
        if asked is not None:
            asked.set()
        return asked is not None

    def run(self, owner: str, work: Callable[[Job[_Event]], _Result]) -> Generator[_Event, None, _Result]:
        """Run `work` in a thread of its own, yield what it reports and return its result; its error is raised here.

        A generator that is closed early (the browser went away) asks the work to stop and waits for it.
        """
        events: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        asked = threading.Event()
        with self._lock:
            self._stops[owner] = asked
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="lbw-job") as pool:
                future = pool.submit(work, Job(events.put, asked.is_set))
                future.add_done_callback(lambda _: events.put(None))
                try:
                    while (event := events.get()) is not None:
                        yield event
                finally:
                    asked.set()
            return future.result()
        finally:
            with self._lock:
                self._stops.pop(owner, None)
