"""Model calls counted as steps, and jobs put into batches."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.engine.batches import batches
from lib_lbw.engine.steps import step_of_call


@given(st.integers(1, 50))
def test_one_call_samplers(steps: int) -> None:
    assert [step_of_call(call, 1, steps) for call in range(steps)] == list(range(steps))


@given(st.integers(1, 50))
def test_two_call_samplers_finish_with_one_call(steps: int) -> None:
    calls = Counter(step_of_call(call, 2, steps) for call in range(2 * steps - 1))
    assert calls == Counter(dict.fromkeys(range(steps - 1), 2)) + Counter({steps - 1: 1})


def test_a_warm_up_call_belongs_to_the_last_step() -> None:
    assert [step_of_call(call, 1, 3) for call in range(4)] == [0, 1, 2, 2]


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_batches_hold_every_job_once_and_only_like_jobs(jobs: list[int], size: int) -> None:
    made = batches(jobs, lambda job: job, size)
    assert sorted(number for batch in made for number in batch) == list(range(len(jobs)))
    assert all(len(batch) <= size and len({jobs[number] for number in batch}) == 1 for batch in made)
    smaller = Counter(jobs[batch[0]] for batch in made if len(batch) < size)
    assert all(count == 1 for count in smaller.values())
