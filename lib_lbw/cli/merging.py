"""From a recipe to a file, with a word before and after: what `merge`, `bake`, `slider`, `resize` and `rerun` share."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from lib_lbw.cli.books import elements_of, presets_of
from lib_lbw.cli.checkpoint_work import STOPPED
from lib_lbw.cli.merge_options import device_of, replace_of
from lib_lbw.cli.merge_text import announced, told
from lib_lbw.cli.output import complain, emit, note
from lib_lbw.cli.progress import Bar, duration, stop_on_ctrl_c
from lib_lbw.errors import LbwError, MergeStopped

if TYPE_CHECKING:
    import torch

    from lib_lbw.merge.measuring import Measures
    from lib_lbw.merge.plan import MergePlan
    from lib_lbw.merge.recipe import Recipe
    from lib_lbw.merge.run import MergeResult


def carry_out(arguments: argparse.Namespace, recipe: "Recipe") -> int:
    """Plan, ask, merge and tell; with `--dry-run` plan and tell only. Returns the exit status."""
    from lib_lbw.merge.plan import plan_merge
    from lib_lbw.merge.report import plan_report

    if arguments.measure and not arguments.dry_run:
        raise LbwError("--measure tells of what would be done; write --dry-run too")
    device = device_of(arguments)
    presets, elements = presets_of(arguments), elements_of(arguments)
    plan = plan_merge(recipe, presets, elements, replace=replace_of(arguments))
    if arguments.dry_run:
        report = plan_report(plan, _measures(arguments, plan, device))
        emit(arguments, report, announced(report, plan.family.title))
        return 0 if plan.obstacle is None else complain(str(plan.obstacle))
    if not arguments.json:
        note(announced(plan_report(plan), plan.family.title))
    if plan.obstacle is not None:
        raise plan.obstacle
    if not _agreed(arguments):
        note("Nothing was written.")
        return STOPPED
    try:
        result = _run(plan, device)
    except MergeStopped as stopped:
        note(str(stopped))
        return STOPPED
    emit(arguments, result.to_json(), told(result.to_json()))
    return 0


def _measures(arguments: argparse.Namespace, plan: "MergePlan", device: "torch.device") -> "Measures | None":
    from lib_lbw.merge.measuring import measure

    return measure(plan, device=device) if arguments.measure else None


def _agreed(arguments: argparse.Namespace) -> bool:
    """Ask whether to go on, where there is somebody to ask."""
    if arguments.yes or arguments.json or not sys.stdin.isatty():
        return True
    sys.stderr.write("Go on? [Y/n] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def _run(plan: "MergePlan", device: "torch.device") -> "MergeResult":
    """Merge with a bar on stderr; Ctrl+C stops it after the module at work."""
    from lib_lbw.merge.run import run_merge

    bar, start = Bar(), time.monotonic()

    def on_progress(done: int, total: int, module: str) -> None:
        left = (time.monotonic() - start) / done * (total - done)
        bar.show(done, total, f"{module}, {duration(left)} left" if done < total else module)

    try:
        with stop_on_ctrl_c() as should_stop:
            return run_merge(plan, on_progress, should_stop, device)
    finally:
        bar.close()
