"""Which pictures may be denoised together."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Job = TypeVar("Job")


def batches(jobs: Sequence[Job], alike: Callable[[Job], Hashable], size: int) -> tuple[tuple[int, ...], ...]:
    """Split job numbers into batches of at most `size` jobs with equal `alike(job)`, keeping their order."""
    kinds: dict[Hashable, list[int]] = {}
    for number, job in enumerate(jobs):
        kinds.setdefault(alike(job), []).append(number)
    return tuple(
        tuple(numbers[start : start + size]) for numbers in kinds.values() for start in range(0, len(numbers), size)
    )
