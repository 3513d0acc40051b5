"""Modules on a small pool of threads: a bounded number at work, stoppable between two, and torch left as it was."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

from lib_lbw.errors import MergeStopped

Item = TypeVar("Item")
Result = TypeVar("Result")

OnProgress = Callable[[int, int, str], None]
"""(done, all, name of the module that was finished)."""

ShouldStop = Callable[[], bool]


def never() -> bool:
    """Never stop."""
    return False


def silent(done: int, total: int, name: str) -> None:
    """Say nothing."""


def map_modules(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    names: Callable[[Item], str],
    on_progress: OnProgress = silent,
    should_stop: ShouldStop = never,
    workers: int | None = None,
) -> list[Result]:
    """Return work(item) for every item, in their order; each of the workers (one a core) computes with one thread.

    Raises MergeStopped when `should_stop` says so between two modules, and the first error of `work`; either way
    nothing is running any more.
    """
    workers = workers or os.cpu_count() or 1
    results: dict[int, Result] = {}
    with (
        exact_products(),
        _one_thread(),
        ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        waiting = iter(enumerate(items))
        running: dict[Future[Result], int] = {}
        try:
            while True:
                if should_stop():
                    raise MergeStopped("The merge was stopped; nothing was written.")
                for index, item in _some(waiting, workers + 1 - len(running)):
                    running[pool.submit(work, item)] = index
                if not running:
                    return [results[index] for index in range(len(items))]
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    index = running.pop(future)
                    results[index] = future.result()
                    on_progress(len(results), len(items), names(items[index]))
        finally:
            for future in running:
                future.cancel()


@contextmanager
def exact_products() -> Iterator[None]:
    """Let no product of float32 matrices be made of shorter numbers (TF32), as programs allow it to draw faster."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _some(waiting: Iterator[tuple[int, Item]], count: int) -> Iterator[tuple[int, Item]]:
    for _ in range(count):
        found = next(waiting, None)
        if found is None:
            return
        yield found
