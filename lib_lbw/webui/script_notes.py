"""What there was to say while a script drew many pictures.

The WebUI's X/Y/Z plot draws on when a picture of it fails, and tells what was said to the first picture only.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from lib_lbw.errors import HostError
from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.ui.i18n import translator
from lib_lbw.webui import host
from lib_lbw.webui.recording import add_notes
from lib_lbw.weights.notice import Notice


class ScriptNotes:
    """Gathers notices while a script of the list runs, and writes them into its result, where they are not yet."""

    def __init__(self) -> None:
        self._told: list[Notice] | None = None

    def watch(self, patches: Patches) -> None:
        """Watch the WebUI run scripts; does nothing where it runs them in some other way."""
        from modules import scripts

        with suppress(HostError):
            patches.wrap(scripts.ScriptRunner, "run", self.run)

    def note(self, notices: Sequence[Notice]) -> None:
        """Note what is told of one picture, or what ends it."""
        if self._told is not None:
            self._told += notices

    def run(self, original: Callable[..., Any], runner: Any, *args: Any) -> Any:
        """Stand in for `ScriptRunner.run`, which returns the result of the script, None where none is chosen."""
        if self._told is not None:
            return original(runner, *args)
        self._told = []
        try:
            result = original(runner, *args)
            _tell(result, self._told)
        finally:
            self._told = None
        return result


def _tell(result: Any, notices: Sequence[Notice]) -> None:
    """Add notices to the comments of a result, a text with one in each line, and to its parameters."""
    comments = getattr(result, "comments", None)
    if not notices or not isinstance(comments, str):
        return
    translate = translator(host.language())
    sentences = dict.fromkeys(notice.localized(translate) for notice in notices)
    result.comments = comments + "".join(f"{each}\n" for each in sentences if each not in comments)
    add_notes(result, notices)
