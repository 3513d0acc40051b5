import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lib_lbw.analysis.color import View, area_mean, lab
from lib_lbw.analysis.metrics import WHERE, compare, diff_percent, direction, line_energy, ssim
from lib_lbw.errors import AnalysisError

pictures = st.tuples(st.integers(1, 24), st.integers(1, 24)).flatmap(
    lambda size: st.tuples(*[arrays(np.uint8, (*size, 3))] * 2)
)
SYMMETRIC = ("diff_percent", "mean_difference", "color_difference", "composition")
SIGNED = ("lightness", "red_green", "blue_yellow", "line_energy")
RANGES = {"diff_percent": 100.0, "mean_difference": 255.0, "color_difference": 400.0, "composition": 2.0}


def view(array: np.ndarray) -> View:
    return View(Image.fromarray(array))


def flat(*rgb: int, size: int = 40) -> View:
    return View(Image.new("RGB", (size, size), rgb))


def blots(seed: int, size: int = 48) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def noise(seed: int, size: int = 48) -> View:
    return View(blots(seed, size))


@settings(max_examples=60, deadline=None)
@given(pictures)
def test_every_number_has_its_range_direction_and_zero(pair):
    a, b = map(view, pair)
    there, back, same = compare(a, b), compare(b, a), compare(a, a)
    for name in SYMMETRIC:
        assert getattr(there, name) == pytest.approx(getattr(back, name), abs=1e-9)
        assert -1e-9 <= getattr(there, name) <= RANGES[name]
        assert getattr(same, name) == pytest.approx(0, abs=1e-9)
    for name in SIGNED:
        assert getattr(there, name) == pytest.approx(-getattr(back, name), abs=1e-9)
        assert getattr(same, name) == 0
    assert there.where == pytest.approx(back.where)
    assert len(there.where) == WHERE**2
    assert sum(there.where) == pytest.approx(0.0 if np.array_equal(*pair) else 1.0)
    assert same.where == (0.0,) * WHERE**2


@given(pictures, st.integers(0, 255))
def test_diff_percent_counts_channel_values_over_the_threshold(pair, threshold):
    a, b = pair
    count = sum(abs(int(x) - int(y)) > threshold for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    assert diff_percent(a, b, threshold) == 100.0 * count / a.size


def test_diff_percent_counts_channels_not_pixels_and_not_the_threshold_itself():
    assert compare(flat(0, 0, 0), flat(21, 20, 0)).diff_percent == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [  # published sRGB -> CIELAB (D65) values
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
        ((20, 20, 20), (6.31, 0.0, 0.0)),
        ((10, 10, 10), (2.74, 0.0, 0.0)),
    ],
)
def test_lab_of_known_colours(rgb, expected):
    assert lab(np.array(rgb, dtype=np.uint8)) == pytest.approx(expected, abs=0.02)


def test_an_even_tint_below_the_threshold_is_seen_as_colour_only():
    found = compare(flat(120, 120, 120), flat(135, 120, 105))
    assert found.diff_percent == 0
    assert found.color_difference > 10
    assert found.red_green > 3
    assert found.blue_yellow > 8
    assert found.line_energy == pytest.approx(0, abs=1e-9)


def test_a_sharper_picture_has_more_line_energy_and_the_same_layout():
    picture = noise(1, 128)
    small = blots(1, 128).resize((32, 32), Image.Resampling.BOX)
    blurred = View(small.resize((128, 128), Image.Resampling.BICUBIC))
    checks = picture.rgb.copy()
    checks[:, ::4] = np.clip(checks[:, ::4].astype(int) + 60, 0, 255)
    assert compare(blurred, view(checks)).line_energy > 0.5
    assert compare(picture, view(checks)).composition < 0.1


def test_another_layout_has_more_composition_difference_than_another_colour():
    picture = noise(3)
    turned = View(blots(3).transpose(Image.Transpose.ROTATE_180))
    tinted = view(np.clip(picture.rgb * [1.1, 1.0, 0.8], 0, 255).astype(np.uint8))
    assert compare(picture, tinted).composition < 0.15 < 0.5 < compare(picture, turned).composition


def test_the_where_map_points_at_the_changed_corner():
    before = Image.new("RGB", (64, 64), (100, 100, 100))
    after = before.copy()
    after.paste((200, 40, 40), (56, 0, 64, 8))
    assert compare(View(before), View(after)).where[WHERE - 1] == pytest.approx(1.0)


def test_direction_of_the_ends_and_the_middle():
    against, opposite = flat(40, 40, 40), flat(200, 200, 200)
    there = direction(against, opposite, opposite)
    assert (there.amount, there.toward, there.off_axis) == pytest.approx((1, 1, 0), abs=1e-9)
    still = direction(against, opposite, against)
    assert (still.amount, still.toward, still.off_axis) == (0, 0, 0)
    assert direction(against, opposite, flat(10, 10, 10)).toward < 0
    assert direction(against, against, opposite) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_direction_obeys_pythagoras(seed):
    found = direction(noise(seed), noise(seed + 1), noise(seed + 2))
    assert found.amount**2 == pytest.approx(found.toward**2 + found.off_axis**2)


def test_ssim_of_a_plane_with_its_negative_is_low_and_with_itself_is_one():
    plane = np.random.default_rng(0).uniform(0, 100, (32, 32))
    assert ssim(plane, plane, 100.0) == pytest.approx(1.0)
    assert ssim(plane, 100 - plane, 100.0) < 0


def test_ssim_matches_its_definition_on_one_window():
    a, b = np.random.default_rng(5).uniform(0, 100, (2, 11, 11))
    line = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    w = np.outer(line, line) / np.outer(line, line).sum()
    ma, mb = (w * a).sum(), (w * b).sum()
    va, vb = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum()
    cov = (w * (a - ma) * (b - mb)).sum()
    expected = (2 * ma * mb + 1) * (2 * cov + 9) / ((ma**2 + mb**2 + 1) * (va + vb + 9))
    assert ssim(a, b, 100.0) == pytest.approx(expected)


def test_line_energy_of_a_ramp_is_its_slope_squared():
    ramp = np.tile(np.arange(20) * 3.0, (20, 1))
    assert line_energy(ramp) == pytest.approx(9.0, abs=0.02)
    assert math.isfinite(line_energy(np.zeros((1, 1))))


@given(arrays(np.float64, (7, 5), elements=st.floats(0, 100)), st.integers(1, 9), st.integers(1, 9))
def test_area_mean_keeps_the_mean_and_the_range(plane, height, width):
    small = area_mean(plane, height, width)
    assert small.shape == (height, width)
    assert small.mean() == pytest.approx(plane.mean(), abs=1e-9)
    assert plane.min() - 1e-9 <= small.min() <= small.max() <= plane.max() + 1e-9


def test_pictures_of_different_size_are_refused():
    with pytest.raises(AnalysisError, match="40x40 and 20x20"):
        compare(flat(0, 0, 0), flat(0, 0, 0, size=20))
