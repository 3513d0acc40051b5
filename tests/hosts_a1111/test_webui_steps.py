"""Steps are counted, not calls."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.hosts.webui.steps import step_of
from tests.hosts_a1111.sampler_loops import LOOPS, OTHER_LOOPS, Loop
from tests.hosts_a1111.samplers import SAMPLERS, Sampler

calls_of_steps = st.lists(st.integers(1, 4), min_size=1, max_size=12)


def steps_seen(loop: Loop, calls: Sequence[int], second_order: bool = False, steps: int | None = None) -> list[int]:
    """Return the step that every call of a pass is told."""
    denoiser = Sampler("a sampler", second_order).denoiser(None, len(calls) if steps is None else steps)
    seen = []

    def model() -> None:
        step, of = step_of(denoiser, None)
        assert of == denoiser.steps
        seen.append(step)
        denoiser.step += 1

    loop(model, [*map(float, range(len(calls), -1, -1))], calls)
    return seen


def steps_of(calls: Sequence[int]) -> list[int]:
    return [step for step, count in enumerate(calls) for _ in range(count)]


@given(st.sampled_from(SAMPLERS), st.integers(1, 50))
def test_every_call_knows_its_step(sampler: Sampler, steps: int) -> None:
    p = SimpleNamespace(steps=99)
    denoiser = sampler.denoiser(p, steps)
    seen = []
    for _ in sampler.calls(steps):
        seen.append(step_of(denoiser, p))
        denoiser.step += 1
    assert seen == [(step, steps) for step in sampler.calls(steps)]


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([3, 3, 3, 3, 2, 1], id="HeunPP2"),
        pytest.param([3, 3, 3, 3, 3, 1], id="SEEDS 3"),
        pytest.param([1, 2, 2, 2, 2, 2], id="SA-Solver-Pece"),
        pytest.param([1, 1, 2, 2, 1, 1], id="Euler Dy"),
        pytest.param([2, 2, 2, 2, 2, 1], id="Heun that no host calls second-order"),
        pytest.param([1, 1, 1, 1, 1, 1], id="Euler"),
    ],
)
def test_samplers_may_call_the_model_as_often_as_they_like(calls: list[int]) -> None:
    assert steps_seen(LOOPS[0], calls) == steps_of(calls)


@given(st.sampled_from(LOOPS), calls_of_steps, st.booleans())
def test_the_loop_of_the_sampler_counts(loop: Loop, calls: list[int], second_order: bool) -> None:
    assert steps_seen(loop, calls, second_order) == steps_of(calls)


@given(st.sampled_from(OTHER_LOOPS), calls_of_steps)
def test_a_counter_of_something_else_is_not_taken_for_the_step(loop: Loop, calls: list[int]) -> None:
    assert steps_seen(loop, calls) == [min(call, len(calls) - 1) for call in range(sum(calls))]


@given(st.sampled_from(OTHER_LOOPS), st.integers(1, 12))
def test_the_host_knows_of_the_second_calls_of_others(loop: Loop, steps: int) -> None:
    calls = [2] * (steps - 1) + [1]
    assert steps_seen(loop, calls, second_order=True) == steps_of(calls)


@given(st.sampled_from(LOOPS), st.integers(1, 12), st.integers(1, 12))
def test_a_loop_longer_than_its_pass_ends_in_the_last_step(loop: Loop, longer: int, steps: int) -> None:
    calls = [2] * (steps + longer)
    assert steps_seen(loop, calls, steps=steps) == [min(step, steps - 1) for step in steps_of(calls)]


def test_a_pass_within_a_step_of_another_counts_its_own_steps() -> None:
    class Inner:
        def launch_sampling(self) -> list[int]:
            return steps_seen(OTHER_LOOPS[0], [1, 1, 1])

    inner: list[int] = []

    def sample_outer(sigmas: Sequence[float]) -> None:
        for i in range(len(sigmas)):
            if i == 2:
                inner.extend(Inner().launch_sampling())

    sample_outer([3.0, 2.0, 1.0])
    assert inner == [0, 1, 2]


@pytest.mark.parametrize("counter", ["three", None])
def test_an_unknown_kind_of_counter_stops_no_picture(counter: Any) -> None:
    denoiser = SAMPLERS[0].denoiser(None, 5)
    denoiser.step = 1

    def sample_oddly(sigmas: Sequence[float], i: Any) -> tuple[int, int]:
        assert (sigmas, i) == ([1.0], counter)
        return step_of(denoiser, None)

    assert sample_oddly([1.0], counter) == (1, 5)


def test_calls_beyond_the_last_step_belong_to_it() -> None:
    denoiser = SAMPLERS[0].denoiser(None, 5)
    denoiser.step = 40  # DPM adaptive
    assert step_of(denoiser, None) == (4, 5)


@pytest.mark.parametrize("steps", [None, 0])
def test_a_sampler_that_does_not_count_goes_by_the_steps_that_were_asked_for(steps: int | None) -> None:
    denoiser = SimpleNamespace(step=3, steps=steps, total_steps=None)
    assert step_of(denoiser, SimpleNamespace(steps=8)) == (3, 8)
