"""What happens in a job inside a job reaches the user."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from lib_lbw.errors import DirectiveError
from lib_lbw.webui.nesting import Nesting

Draw = Callable[..., Any]


def swallow(draw: Draw) -> Draw:
    """A WebUI that calls an extension after drawing, and only logs what that raises."""

    def original(job: Any) -> str:
        try:
            draw(job.inside)
        except Exception as error:  # noqa: BLE001 - as the WebUI does
            job.log = error
        return "picture"

    return original


def bad(nesting: Nesting) -> None:
    error = DirectiveError("{text!r} cannot stand in weights", text="{")
    nesting.ended_by(error)
    raise error


def test_an_error_that_was_lost_inside_ends_the_job() -> None:
    nesting = Nesting()
    job = SimpleNamespace(inside=SimpleNamespace())

    def inside(inner: Any) -> None:
        assert nesting.outermost(inner) is job
        bad(nesting)

    for draw in (inside, lambda inner: nesting.draw(inside, inner)):
        with pytest.raises(DirectiveError, match="cannot stand"):
            nesting.draw(swallow(draw), job)
        assert str(job.log) == "'{' cannot stand in weights"
        assert nesting.draw(swallow(lambda _: "part"), job) == "picture", "told once"
    assert nesting.outermost(job.inside) is job.inside


def test_other_errors_are_left_to_the_webui() -> None:
    nesting = Nesting()

    def broken(_: Any) -> None:
        raise ValueError("theirs")

    job = SimpleNamespace(inside=SimpleNamespace())
    assert nesting.draw(swallow(broken), job) == "picture"
    with pytest.raises(ValueError, match="theirs"):
        nesting.draw(broken, job)
    assert nesting.outermost(job.inside) is job.inside


def test_an_error_that_comes_through_is_raised_once() -> None:
    nesting = Nesting()
    with pytest.raises(DirectiveError):
        nesting.draw(lambda _: bad(nesting), SimpleNamespace())
    assert nesting.draw(lambda _: "picture", SimpleNamespace()) == "picture"
    with pytest.raises(DirectiveError):
        bad(nesting)
    assert nesting.draw(lambda _: "picture", SimpleNamespace()) == "picture", "nothing was drawn then"
