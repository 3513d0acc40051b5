"""Our errors on the page: some WebUIs draw in a thread of their own and lose what goes wrong there."""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from lib_lbw.errors import HostError, LbwError
from lib_lbw.hosts.webui.wrapping import Patches


def pass_on_errors(patches: Patches) -> None:
    """Let an error of ours that ends a job in the drawing thread end it for the page too, which then shows it.

    Does nothing in a WebUI without such a thread.
    """
    try:
        main_thread = import_module("modules_forge.main_thread")
    except ImportError:
        return
    with suppress(HostError):
        patches.wrap(main_thread, "run_and_wait_result", run_and_wait_result)


def run_and_wait_result(original: Callable[..., Any], job: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Stand in for the function that hands a job to the thread. Raises the LbwError that the job raised."""
    raised: list[LbwError] = []

    def noted(*values: Any, **named: Any) -> Any:
        try:
            return job(*values, **named)
        except LbwError as error:
            raised.append(error)
            raise

    result = original(noted, *args, **kwargs)
    if raised:
        raise raised[0]
    return result
