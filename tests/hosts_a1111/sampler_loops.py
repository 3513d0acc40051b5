"""Sampling loops as hosts write them. What matters is how their functions and variables are called.

Each calls the model `calls[i]` times in step i.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

Model: TypeAlias = Callable[[], None]
Sigmas: TypeAlias = Sequence[float]
Loop: TypeAlias = Callable[[Model, Sigmas, Sequence[int]], None]


def sample_plainly(model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
    for i in range(len(sigmas) - 1):
        for _ in range(calls[i]):
            model()


def sample_with_a_helper(model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
    """The calls come out of another function that has an `i` of its own (Euler Dy, RES Solver)."""

    def solver_step(count: int) -> None:
        for i in range(count):
            assert i < count
            model()

    for i in range(len(sigmas) - 1):
        solver_step(calls[i])


def sample_with_a_closure(model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
    """An inner function reads `i`."""

    def count() -> int:
        return calls[i]

    for i in range(len(sigmas) - 1):  # noqa: B007 - `count` reads it
        for _ in range(count()):
            model()


def sample_by_another(model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
    """The loop is that of another sampler (Comfy's *_gpu)."""
    sample_plainly(model, sigmas, calls)


def sample_from_before_the_loop(model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
    """The first call comes when `i` has no value yet."""
    model()
    for i in range(len(sigmas) - 1):
        for _ in range(calls[i] - (i == 0)):
            model()


LOOPS: tuple[Loop, ...] = (
    sample_plainly, sample_with_a_helper, sample_with_a_closure, sample_by_another, sample_from_before_the_loop,
)  # fmt: skip


def restart_sampler(model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
    """Its `i` is left over from planning, and stays the last one."""
    planned = []
    for i in range(len(sigmas) - 1):
        planned.append(calls[i])
    for count in planned:
        for _ in range(count):
            model()


class MultiStep:
    """UniPC of Forge Classic and Neo: `i` numbers the coefficients."""

    def sample(self, model: Model, timesteps: Sigmas, calls: Sequence[int]) -> None:
        for step_index in range(len(timesteps) - 1):
            for i in range(calls[step_index]):
                assert i < calls[step_index]
                model()


class Integrator:
    """ODE samplers: `i` numbers the pictures of the batch."""

    def __call__(self, model: Model, sigmas: Sigmas, calls: Sequence[int]) -> None:
        assert len(sigmas) > len(calls)
        for i in range(1):
            for count in calls:
                for _ in range(count + i):
                    model()


OTHER_LOOPS: tuple[Loop, ...] = (restart_sampler, MultiStep().sample, Integrator())
