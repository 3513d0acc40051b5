"""One change between two lists of lines."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import LbwError
from lib_lbw.ui.door.changes import Change, stamp_of

LINES = st.lists(st.sampled_from("abc"), max_size=8)


def told(texts: list[str]) -> list[dict[str, Any]]:
    return [{"number": number, "text": text} for number, text in enumerate(texts, 1)]


@given(LINES, LINES)
def test_the_change_between_two_lists_makes_one_of_the_other(before: list[str], after: list[str]) -> None:
    change = Change.between(told(before), told(after))
    assert [line["text"] for line in change.applied(told(before))] == after
    assert (before == after) == (change.drop == 0 and not change.put)


def test_what_is_alike_on_both_sides_does_not_travel() -> None:
    change = Change.between(told(list("aaxaa")), told(list("aaaa")))
    assert (change.at, change.drop, change.put) == (2, 1, ())
    assert Change.of({"at": 2, "drop": 1, "put": ["y"]}).json() == {"at": 2, "drop": 1, "put": ["y"]}


@pytest.mark.parametrize("wrong", [None, [], {}, {"at": True, "drop": 0, "put": []}, {"at": 0, "drop": -1, "put": []},
                                   {"at": 0, "drop": 0, "put": "abc"}, {"at": 0, "drop": 0, "put": [1]}])  # fmt: skip
def test_what_is_no_change_is_refused(wrong: object) -> None:
    with pytest.raises(LbwError, match="change of lines"):
        Change.of(wrong)


@given(st.text(), st.text())
def test_a_stamp_tells_texts_apart(one: str, other: str) -> None:
    assert (stamp_of(one) == stamp_of(other)) == (one == other)
