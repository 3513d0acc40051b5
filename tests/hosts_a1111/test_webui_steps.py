"""Steps are counted, not calls."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.hosts.webui.steps import step_of
from tests.hosts_a1111.samplers import SAMPLERS, Sampler


@given(st.sampled_from(SAMPLERS), st.integers(1, 50))
def test_every_call_knows_its_step(sampler: Sampler, steps: int) -> None:
    p = SimpleNamespace(steps=99)
    denoiser = sampler.denoiser(p, steps)
    seen = []
    for _ in sampler.calls(steps):
        seen.append(step_of(denoiser, p))
        denoiser.step += 1
    assert seen == [(step, steps) for step in sampler.calls(steps)]


def test_calls_beyond_the_last_step_belong_to_it() -> None:
    denoiser = SAMPLERS[0].denoiser(None, 5)
    denoiser.step = 40  # DPM adaptive
    assert step_of(denoiser, None) == (4, 5)


@pytest.mark.parametrize("steps", [None, 0])
def test_a_sampler_that_does_not_count_goes_by_the_steps_that_were_asked_for(steps: int | None) -> None:
    denoiser = SimpleNamespace(step=3, steps=steps, total_steps=None)
    assert step_of(denoiser, SimpleNamespace(steps=8)) == (3, 8)
