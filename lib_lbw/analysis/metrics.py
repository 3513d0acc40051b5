"""Two pictures of the same size to numbers. Every number states its range, its direction and what it cannot see.

`before` is the picture compared against (all blocks on), `after` the one in question (one block off). Computed in
float64 from uint8 sRGB. Sources: Wang, Bovik, Sheikh, Simoncelli 2004 (SSIM); CIE 15:2018 (L*a*b*, Delta E 1976);
Scharr 2000 (gradient filter); `diff_percent` is the figure of the extension this project continues, so that old
grids and new ones compare.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lib_lbw.analysis.color import LOW, Array, View, area_mean
from lib_lbw.errors import AnalysisError

WHERE = 8
"""Side of the where-map: the picture is cut into WHERE x WHERE tiles."""

_ENERGY_FLOOR = 1e-2  # of squared L* per pixel: a flat picture has no lines, and its ratio must stay finite


@dataclass(frozen=True)
class Difference:
    """What changed between two pictures.

    Symmetric and 0 for equal pictures: `diff_percent` [0, 100], `mean_difference` [0, 255], `color_difference`
    (mean Delta E 1976, 2.3 is just noticeable), `composition` [0, 2]
    (1 - SSIM of L* at LOW x LOW; 0 the same layout, 1 unrelated). Signed, 0 for equal pictures and of opposite
    sign when the pictures change places: `lightness` (+ lighter), `red_green` (+ redder), `blue_yellow` (+ yellower),
    `line_energy` (natural logarithm of the ratio; + more or harder lines).
    `where` has WHERE x WHERE numbers, row by row: each tile's share of the colour difference; sums to 1, or all 0.
    """

    diff_percent: float
    mean_difference: float
    color_difference: float
    lightness: float
    red_green: float
    blue_yellow: float
    composition: float
    line_energy: float
    where: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """Return the fields by name, JSON-ready."""
        return {**asdict(self), "where": list(self.where)}


@dataclass(frozen=True)
class Direction:
    """Where a picture moved, seen on the line from the picture it is measured against to an opposite one.

    With blocks switched off one by one, the line runs from the LoRA's picture to the one without it. `amount` >= 0:
    size of the move as a share of that line. `toward`: the part along it; 1 goes all the way, 0 is sideways, negative
    moves away (the block was holding the LoRA back). `off_axis` >= 0: the part that is neither, a risk of artefacts.
    amount^2 = toward^2 + off_axis^2.
    """

    amount: float
    toward: float
    off_axis: float

    def to_json(self) -> dict[str, float]:
        """Return the fields by name, JSON-ready."""
        return asdict(self)


def compare(before: View, after: View, threshold: int = 20) -> Difference:
    """Measure the change from `before` to `after`. Raises AnalysisError when the sizes differ."""
    _same_size(before, after)
    change = after.lab - before.lab
    delta = np.sqrt((change**2).sum(axis=-1))
    shift = change.mean(axis=(0, 1))
    energy = [line_energy(view.lab[..., 0]) for view in (before, after)]
    return Difference(
        diff_percent=diff_percent(before.rgb, after.rgb, threshold),
        mean_difference=float(_absolute(before.rgb, after.rgb).mean()),
        color_difference=float(delta.mean()),
        lightness=float(shift[0]),
        red_green=float(shift[1]),
        blue_yellow=float(shift[2]),
        composition=1.0 - ssim(before.low[..., 0], after.low[..., 0], 100.0),
        line_energy=float(np.log(energy[1] / energy[0])),
        where=_where(delta),
    )


def direction(against: View, opposite: View, picture: View) -> Direction | None:
    """Place `picture` relative to the line `against` -> `opposite`, on L*a*b* averaged down to LOW x LOW.

    None when the two ends can hardly be told apart there (less than 0.1 Delta E root mean square).
    Raises AnalysisError when the sizes differ.
    """
    _same_size(against, opposite)
    _same_size(against, picture)
    line, move = opposite.low - against.low, picture.low - against.low
    whole = float((line * line).sum())
    if whole < 0.01 * LOW**2:
        return None
    toward = float((move * line).sum()) / whole
    off_axis = float(np.sqrt(((move - toward * line) ** 2).sum() / whole))
    return Direction(amount=float(np.sqrt((move * move).sum() / whole)), toward=toward, off_axis=off_axis)


def diff_percent(a: NDArray[np.uint8], b: NDArray[np.uint8], threshold: int = 20) -> float:
    """Return the share of channel values that differ by more than `threshold`, in percent [0, 100].

    Counts red, green and blue apart. Blind to any even tint up to the threshold; a shifted line counts as much as a
    new one.
    """
    return float(np.count_nonzero(_absolute(a, b) > threshold) * 100.0 / a.size)


def ssim(a: Array, b: Array, span: float) -> float:
    """Return the mean structural similarity of two planes whose values span `span` (11 x 11 Gaussian, sigma 1.5)."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * both + c2) / (var_a + var_b + c2)
    return float((light * structure).mean())


def line_energy(lightness: Array) -> float:
    """Return the mean squared Scharr gradient of an L* plane plus a small floor, in squared L* per pixel; > 0.

    Blind to a pattern that alternates from one pixel to the next, which no drawn line does.
    """
    if min(lightness.shape) < 3:
        return _ENERGY_FLOOR
    across = (lightness[:, 2:] - lightness[:, :-2]) / 2.0
    down = (lightness[2:, :] - lightness[:-2, :]) / 2.0
    gx = (3 * across[:-2] + 10 * across[1:-1] + 3 * across[2:]) / 16.0
    gy = (3 * down[:, :-2] + 10 * down[:, 1:-1] + 3 * down[:, 2:]) / 16.0
    return float((gx**2 + gy**2).mean()) + _ENERGY_FLOOR


def _blur(plane: Array) -> Array:
    offsets = np.arange(-5, 6)
    kernel = np.exp(-(offsets**2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    rows = np.lib.stride_tricks.sliding_window_view(plane, 11, axis=0) @ kernel
    blurred: Array = np.lib.stride_tricks.sliding_window_view(rows, 11, axis=1) @ kernel
    return blurred


def _where(delta: Array) -> tuple[float, ...]:
    tiles = area_mean(delta, WHERE, WHERE)
    total = float(tiles.sum())
    shares = tiles / total if total > 0 else tiles
    return tuple(float(share) for share in shares.ravel())


def _absolute(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.int16]:
    difference: NDArray[np.int16] = np.abs(a.astype(np.int16) - b.astype(np.int16))
    return difference


def _same_size(a: View, b: View) -> None:
    if a.rgb.shape != b.rgb.shape:
        raise AnalysisError(
            "the pictures have different sizes, {a} and {b}; draw both with the same width and height",
            a=f"{a.rgb.shape[1]}x{a.rgb.shape[0]}",
            b=f"{b.rgb.shape[1]}x{b.rgb.shape[0]}",
        )
