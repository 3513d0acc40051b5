"""Long work on checkpoints: a bar with the time that is left, and Ctrl+C between two tensors."""

import argparse
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lib_lbw.cli.output import note
from lib_lbw.cli.progress import Bar, duration, stop_on_ctrl_c
from lib_lbw.errors import MergeStopped

if TYPE_CHECKING:
    from lib_lbw.merge.workers import OnProgress, ShouldStop

Result = TypeVar("Result")
STOPPED = 130
_MEGABYTE = 1_000_000


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add what may be overwritten, and the dry run."""
    option = parser.add_argument
    option("--overwrite", action="store_true", help="replace an older file of that name, never one that goes in")
    option("--dry-run", action="store_true", help="say what would be done, and do nothing")


def shown(work: "Callable[[OnProgress, ShouldStop], Result]") -> Result | None:
    """Do `work` with a bar on stderr, in megabytes; None when Ctrl+C stopped it."""
    bar, start = Bar(), time.monotonic()

    def on_progress(done: int, whole: int, name: str) -> None:
        left = (time.monotonic() - start) / max(done, 1) * (whole - done)
        bar.show(done / _MEGABYTE, whole // _MEGABYTE, f"MB, {duration(left)} left, {name}")

    try:
        with stop_on_ctrl_c() as should_stop:
            return work(on_progress, should_stop)
    except MergeStopped as stopped:
        bar.close()
        note(str(stopped))
        return None
    finally:
        bar.close()
