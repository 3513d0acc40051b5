"""Wrappers come off again, and only the newest acts, whoever has wrapped them meanwhile."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import HostError
from lib_lbw.hosts.webui.wrapping import Patches


def host() -> Any:
    return SimpleNamespace(__name__="host", f=lambda x: [x])


def adding(mark: str) -> Callable[..., Any]:
    return lambda original, x: [*original(x), mark]


def foreign(target: Any, mark: str) -> None:
    inner = target.f

    @functools.wraps(inner)
    def outer(x: object) -> object:
        return [*inner(x), mark]

    target.f = outer


def test_wrap_and_undo() -> None:
    target = host()
    original = target.f
    patches = Patches()
    patches.wrap(target, "f", adding("ours"))
    assert target.f(1) == [1, "ours"]
    patches.undo()
    patches.undo()
    assert target.f is original
    assert vars(target).keys() == {"__name__", "f"}


def test_methods_get_self() -> None:
    class Host:
        def f(self, x: int) -> tuple[object, int]:
            return self, x

    patches = Patches()
    patches.wrap(Host, "f", lambda original, this, x: original(this, x + 1))
    made = Host()
    assert made.f(1) == (made, 2)
    patches.undo()
    assert made.f(1) == (made, 1)


def test_nothing_to_wrap() -> None:
    with pytest.raises(HostError, match="no g in its host"):
        Patches().wrap(host(), "g", adding(""))


@given(st.lists(st.sampled_from(["install", "undo", "foreign"]), max_size=8))
def test_at_most_one_of_ours_acts_and_never_one_that_was_undone(moves: list[str]) -> None:
    target, installed, foreigners = host(), [], 0
    acting = None
    for move in moves:
        if move == "install":
            patches = Patches()  # a new import of the package knows nothing of the old one
            patches.wrap(target, "f", adding("ours"))
            installed.append(patches)
            acting = patches
        elif move == "undo" and installed:
            undone = installed.pop()
            undone.undo()
            acting = None if undone is acting else acting
        elif move == "foreign":
            foreign(target, "theirs")
            foreigners += 1
        got = target.f(0)
        assert got.count("ours") == (acting is not None)
        assert got.count("theirs") == foreigners
