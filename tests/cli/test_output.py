import io
import os
import signal
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.cli.output import size, table
from lib_lbw.cli.progress import Bar, duration, stop_on_ctrl_c

CELL = st.text("ab1.日 本-", min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=5))
def test_a_table_has_a_line_per_row_and_straight_columns(rows: list[tuple[str, str, str]]) -> None:
    head = ("ONE", "TWO", "THREE")
    lines = table(head, rows).split("\n")
    assert len(lines) == len(rows) + 1
    for line, row in zip(lines, (head, *rows), strict=True):
        assert "".join(line.split()) == "".join("".join(row).split())


def test_numbers_stand_to_the_right_and_wide_letters_count_double() -> None:
    assert table(["NAME", "N"], [["日本", "5"], ["a", "12"]]) == "NAME   N\n日本   5\na     12"


@given(st.integers(0, 10**14))
def test_sizes_are_short_and_right(count: int) -> None:
    number, unit = size(count).split(" ")
    scale = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(number) * scale == pytest.approx(count, rel=0.005, abs=0.5)
    assert len(number) <= 5


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.4, "1:01"), (3661, "1:01:01"), (None, "")])
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_bar_on_a_terminal_is_one_line(monkeypatch: Any) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = Bar()
    bar.show(0, 4)
    bar.show(2, 4, "IN04, 0:03 left")
    bar.close()
    assert "\n" not in terminal.getvalue()
    assert "############............ 2/4 IN04, 0:03 left" in terminal.getvalue()


def test_a_bar_elsewhere_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter(range(100))
    bar = Bar(clock=lambda: next(now))
    for done in range(12):
        bar.show(done, 12)
    bar.show(12, 12)
    bar.close()
    told = capsys.readouterr().err.splitlines()
    assert 2 < len(told) < 6
    assert told[-1].endswith(" 12/12")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_asks_and_a_second_time_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_ctrl_c() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
