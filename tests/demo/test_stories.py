"""What was previewed is what is baked: the three stories of the README, prompt beside file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lib_lbw.demo import stories
from lib_lbw.demo.stories import Pair


def apart(pair: Pair) -> int:
    """The largest difference of a colour value."""
    return int(np.abs(np.asarray(pair.prompt, dtype=int) - np.asarray(pair.file, dtype=int)).max())


@pytest.mark.parametrize(
    "story", [stories.slider, stories.face_and_body, stories.sdxl], ids=lambda story: story.__name__
)
def test_the_picture_from_the_file_is_the_picture_from_the_prompt(
    story: Callable[[Path], list[Pair]], tmp_path: Path
) -> None:
    pairs = story(tmp_path)
    compressed = [pair for pair in pairs if "sv_ratio" in pair.title or "rank" in pair.title]
    exact = [pair for pair in pairs if not any(pair is each for each in compressed)]
    assert exact
    assert all(apart(pair) <= 1 for pair in exact), {pair.title: apart(pair) for pair in exact}
    for pair in compressed:
        mean = np.abs(np.asarray(pair.prompt, dtype=int) - np.asarray(pair.file, dtype=int)).mean()
        assert 0 < mean < 2, f"{pair.title}: compressed, and still nearly the same"


def test_the_slider_pulls_both_ways(tmp_path: Path) -> None:
    up, down, _ = stories.slider(tmp_path)
    assert apart(Pair("", up.file, down.file)) > 50
