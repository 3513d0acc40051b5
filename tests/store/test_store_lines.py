"""Bringing two changes of one text together."""

from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.store.lines import merged_lines

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=8)


@given(LINES, LINES)
def test_a_change_of_one_side_is_taken_whole(base: list[str], changed: list[str]) -> None:
    assert merged_lines(base, changed, base) == changed
    assert merged_lines(base, base, changed) == changed
    assert merged_lines(base, changed, changed) == changed


@given(LINES, LINES, LINES)
def test_the_order_of_the_sides_does_not_matter(base: list[str], one: list[str], other: list[str]) -> None:
    assert merged_lines(base, one, other) == merged_lines(base, other, one)


LEFT, RIGHT = st.lists(st.sampled_from("abcd"), max_size=6), st.lists(st.sampled_from("wxyz"), max_size=6)


@given(LEFT, LEFT, RIGHT, RIGHT)
def test_changes_on_both_sides_of_a_line_both_stand(
    left: list[str], left_changed: list[str], right: list[str], right_changed: list[str]
) -> None:
    base = [*left, "#", *right]
    merged = merged_lines(base, [*left_changed, "#", *right], [*left, "#", *right_changed])
    assert merged == [*left_changed, "#", *right_changed]


@given(st.lists(st.integers(), min_size=3, max_size=12, unique=True), st.data())
def test_changes_of_different_lines_both_stand(numbers: list[int], data: st.DataObject) -> None:
    base = [str(number) for number in numbers]
    first = data.draw(st.integers(0, len(base) - 3))
    second = data.draw(st.integers(first + 2, len(base) - 1))
    mine, theirs = list(base), list(base)
    mine[first], theirs[second] = "mine", "theirs"
    merged = merged_lines(base, mine, theirs)
    assert merged is not None
    assert (merged[first], merged[second]) == ("mine", "theirs")
    assert SequenceMatcher(None, base, merged).ratio() < 1


def test_two_changes_of_one_line_are_a_conflict() -> None:
    assert merged_lines(["a", "b"], ["a", "x"], ["a", "y"]) is None
    assert merged_lines([], ["x"], ["y"]) is None
