import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import Bound, Schedule
from lib_lbw.weights.grammar import parse_directive
from tests.weights.strategies import schedules


def window(items: str, steps: int) -> list[int]:
    """The steps in which the U-Net part acts."""
    schedule = parse_directive(f"<lora:a:1:{items}>").schedule
    assert schedule is not None
    return [step for step in range(steps) if schedule.active(step, steps)]


@pytest.mark.parametrize(
    ("items", "steps", "expected"),
    [
        ("stop=3", 6, [0, 1, 2]),
        ("start=3", 6, [3, 4, 5]),
        ("step=2-4", 6, [2, 3]),
        ("step=0-6", 6, [0, 1, 2, 3, 4, 5]),
        ("stop=1", 6, [0]),
        ("stop=0", 6, []),
        ("start=0", 6, [0, 1, 2, 3, 4, 5]),
        ("step=5-10", 20, [5, 6, 7, 8, 9]),
        ("start=5:stop=10", 20, [5, 6, 7, 8, 9]),
        ("start=0.4", 20, list(range(8, 20))),
        ("stop=0.5", 5, [0, 1, 2]),
        ("start=0.5", 5, [3, 4]),
        ("stop=1.0", 4, [0, 1, 2, 3]),
        ("step=0.5-8", 10, [5, 6, 7]),
        ("start=100", 20, []),
    ],
)
def test_windows(items: str, steps: int, expected: list[int]) -> None:
    assert window(items, steps) == expected


@given(st.integers(1, 99), st.integers(1, 300))
def test_a_fraction_is_exact_in_decimals(hundredths: int, steps: int) -> None:
    schedule = Schedule(Bound(hundredths / 100, True), None)
    assert [s for s in range(steps) if schedule.active(s, steps)] == [
        s for s in range(steps) if s * 100 >= hundredths * steps
    ]


@given(st.integers(0, 50).map(lambda n: Bound(n, False)) | st.floats(0, 1).map(lambda f: Bound(f, True)))
def test_stop_and_start_at_one_bound_share_all_steps_out(bound: Bound) -> None:
    before, after = Schedule(None, bound), Schedule(bound, None)
    assert all(before.active(step, 30) != after.active(step, 30) for step in range(30))


@given(schedules)
def test_json_round_trip(schedule: Schedule) -> None:
    assert Schedule.from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize(("number", "fraction"), [(-1.0, False), (-0.5, True), (1.5, True), (2.5, False)])
def test_bounds_that_are_none(number: float, fraction: bool) -> None:
    with pytest.raises(DirectiveError):
        Bound(number, fraction)


def test_a_schedule_without_ends_is_none() -> None:
    with pytest.raises(DirectiveError):
        Schedule(None, None)
