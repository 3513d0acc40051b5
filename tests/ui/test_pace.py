from dataclasses import replace

import pytest

from lib_lbw.hosts.base import Picture
from lib_lbw.ui.i18n import english, translator
from lib_lbw.ui.pace import Pace, duration

PICTURE = Picture("", steps=10, width=64, height=64, cfg_scale=7)


def test_time_goes_with_steps_pixels_guidance_and_number() -> None:
    pace = Pace()
    pace.learn(6.0, PICTURE, 3)
    assert pace.expect(PICTURE, 1) == pytest.approx(2.0)
    assert pace.expect(PICTURE, 5) == pytest.approx(10.0)
    assert pace.expect(replace(PICTURE, steps=20), 1) == pytest.approx(4.0)
    assert pace.expect(replace(PICTURE, width=128), 1) == pytest.approx(4.0)
    assert pace.expect(replace(PICTURE, cfg_scale=1), 1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (150, "2 min 30 s"), (3900, "1 h 5 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds, english) == text


def test_durations_in_japanese() -> None:
    assert duration(150, translator("ja")) == "2 分 30 秒"
