import threading
from collections.abc import Generator

import pytest

from lib_lbw.errors import HostError
from lib_lbw.ui.jobs import Desk, Job


def drain(generator: Generator[int, None, str]) -> tuple[list[int], str]:
    events: list[int] = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


def counted(job: Job[int]) -> str:
    for number in range(5):
        job.report(number)
    return "done"


def until_stopped(job: Job[int]) -> str:
    job.report(0)
    stopped = threading.Event()
    while not job.should_stop():
        stopped.wait(0.001)
    job.report(1)
    return "stopped"


def test_events_come_in_order_and_the_result_last() -> None:
    assert drain(Desk().run("me", counted)) == ([0, 1, 2, 3, 4], "done")


def test_a_job_stops_when_its_owner_asks_and_only_then() -> None:
    desk = Desk()
    job = desk.run("me", until_stopped)
    assert next(job) == 0
    assert not desk.stop("somebody else")
    assert desk.stop("me")
    assert drain(job) == ([1], "stopped")
    assert not desk.stop("me")


def test_an_error_of_the_work_is_raised_after_its_events() -> None:
    def failing(job: Job[int]) -> str:
        job.report(1)
        raise HostError("no such thing as {name}", name="x")

    job = Desk().run("me", failing)
    assert next(job) == 1
    with pytest.raises(HostError, match="no such thing as x"):
        next(job)


def test_closing_the_generator_stops_the_work_and_waits_for_it() -> None:
    desk = Desk()
    ended = threading.Event()

    def work(job: Job[int]) -> str:
        answer = until_stopped(job)
        ended.set()
        return answer

    job = desk.run("me", work)
    next(job)
    job.close()
    assert ended.is_set()
    assert not desk.stop("me")
