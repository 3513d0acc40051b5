"""Model calls counted as steps, and jobs put into batches."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.engine.batches import batches
from lib_lbw.engine.steps import steps_of_calls


@given(st.integers(1, 50))
def test_one_call_samplers(steps: int) -> None:
    assert steps_of_calls(range(steps, 0, -1), 1, steps) == tuple(range(steps))


@given(st.integers(1, 50))
def test_two_call_samplers_finish_with_one_call(steps: int) -> None:
    calls = Counter(steps_of_calls([0] * (2 * steps - 1), 2, steps))
    assert calls == Counter(dict.fromkeys(range(steps - 1), 2)) + Counter({steps - 1: 1})


def test_the_second_call_of_plms_redoes_the_first_step() -> None:
    assert steps_of_calls([831, 665, 665, 499, 333, 167, 1], 1, 6) == (0, 0, 1, 2, 3, 4, 5)
    assert steps_of_calls([501, 1, 1], 1, 2) == (0, 0, 1)


def test_timesteps_that_round_alike_are_steps_of_their_own() -> None:
    assert steps_of_calls([9, 2, 1, 1, 0], 1, 5) == (0, 1, 2, 3, 4)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_batches_hold_every_job_once_and_only_like_jobs(jobs: list[int], size: int) -> None:
    made = batches(jobs, lambda job: job, size)
    assert sorted(number for batch in made for number in batch) == list(range(len(jobs)))
    assert all(len(batch) <= size and len({jobs[number] for number in batch}) == 1 for batch in made)
    smaller = Counter(jobs[batch[0]] for batch in made if len(batch) < size)
    assert all(count == 1 for count in smaller.values())
