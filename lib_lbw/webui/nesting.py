"""Jobs inside jobs: extensions such as ADetailer draw parts of a picture anew while the WebUI still works on it.

The WebUI only logs what goes wrong there, and nobody looks at what such a job has to tell.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lib_lbw.errors import HostError, LbwError
from lib_lbw.hosts.webui.wrapping import Patches


class Nesting:
    """Knows the job that the user waits for, and the errors that ended what was drawn for it."""

    def __init__(self) -> None:
        self._job: Any = None
        self._errors: list[LbwError] = []

    def watch(self, patches: Patches) -> None:
        """Watch the WebUI draw; does nothing where it draws in some other way."""
        from modules import processing

        with suppress(HostError):
            patches.wrap(processing, "process_images_inner", self.draw)

    @property
    def drawn(self) -> Any:
        """The job whose result the user waits for, None when nothing is drawn."""
        return self._job

    def outermost(self, job: Any) -> Any:
        """Return the job whose result the user is shown; `job` itself when nothing is drawn."""
        return job if self._job is None else self._job

    def ended_by(self, error: LbwError) -> None:
        """Note an error that is raised while a job, or one inside it, is drawn."""
        if self._job is not None:
            self._errors.append(error)

    def draw(self, original: Callable[..., Any], job: Any, *args: Any, **kwargs: Any) -> Any:
        """Stand in for `process_images_inner`; jobs inside a job may or may not come this way.

        Raises the first noted error that was lost on its way out.
        """
        if self._job is not None:
            return original(job, *args, **kwargs)
        self._job, self._errors = job, []
        try:
            result = original(job, *args, **kwargs)
        finally:
            self._job = None
        if self._errors:
            raise self._errors[0]
        return result
