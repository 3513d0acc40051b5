import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lib_lbw.analysis.color import View
from lib_lbw.analysis.maps import diff_map, heat_map, parse_color
from lib_lbw.analysis.metrics import diff_percent
from lib_lbw.errors import AnalysisError


def view(array: np.ndarray) -> View:
    return View(Image.fromarray(array))


array = arrays(np.uint8, (6, 5, 3))


@given(array, array, st.integers(0, 254), st.sampled_from(["black", "white", "#336699"]))
def test_the_map_shows_exactly_what_diff_percent_counts(a, b, threshold, background):
    ground = np.array(parse_color(background))
    drawn = np.asarray(diff_map(view(a), view(b), background=background, threshold=threshold))
    plain = drawn == ground
    counted = np.abs(a.astype(int) - b.astype(int)) > threshold
    hidden = counted & (np.abs(ground - np.abs(a.astype(int) - b.astype(int))) == ground)  # twice the ground's value
    assert (~plain | hidden == counted).all()
    if background in ("black", "white"):
        assert 100.0 * (~plain).mean() == pytest.approx(diff_percent(a, b, threshold))


def test_white_is_the_negative_of_black():
    a, b = (view(np.random.default_rng(n).integers(0, 256, (8, 8, 3), dtype=np.uint8)) for n in (0, 1))
    black, white = (np.asarray(diff_map(a, b, background=name, threshold=0)) for name in ("black", "white"))
    assert np.array_equal(black, 255 - white)


def test_the_heat_map_is_grey_where_nothing_changed_and_coloured_where_it_did():
    before = Image.new("RGB", (32, 32), (90, 120, 60))
    after = before.copy()
    after.paste((250, 40, 40), (16, 0, 32, 32))
    heat = np.asarray(heat_map(View(before), View(after))).astype(int)
    assert heat.shape == (32, 32, 3)
    assert np.ptp(heat[:, :16], axis=-1).max() == 0
    assert np.ptp(heat[:, 16:], axis=-1).min() > 60


@pytest.mark.parametrize("text", ["", "blakc", "#12", "12"])
def test_an_unknown_colour_is_named(text):
    with pytest.raises(AnalysisError, match="is no colour"):
        parse_color(text)


def test_colours_by_name_and_number():
    assert parse_color(" white ") == (255, 255, 255)
    assert parse_color("#010203") == (1, 2, 3)
    assert parse_color("#01020304") == (1, 2, 3)
