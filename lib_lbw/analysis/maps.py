"""Pictures of a difference: the diff map and the heat overlay."""

import numpy as np
from PIL import Image, ImageColor

from lib_lbw.analysis.color import Array, View
from lib_lbw.errors import AnalysisError

_HEAT = np.array(
    [[12, 8, 38], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float64
)  # dark violet to pale yellow, lightness rising steadily, so that it also reads in grey


def parse_color(text: str) -> tuple[int, int, int]:
    """Return the RGB of a colour name or `#rrggbb`. Raises AnalysisError."""
    try:
        red, green, blue, *_ = ImageColor.getrgb(text.strip())
    except ValueError:
        raise AnalysisError("'{text}' is no colour; write black, white, or #rrggbb", text=text) from None
    return red, green, blue


def diff_map(before: View, after: View, *, background: str = "black", threshold: int = 20) -> Image.Image:
    """Return the absolute difference drawn away from `background`.

    Channel values that differ by `threshold` or less are plain background, so the map shows exactly what
    `diff_percent` counts. On black a change glows, on white it is drawn like ink.
    """
    ground = np.array(parse_color(background), dtype=np.int16)
    change = np.abs(after.rgb.astype(np.int16) - before.rgb.astype(np.int16))
    change[change <= threshold] = 0
    return Image.fromarray(np.abs(ground - change).astype(np.uint8))


def heat_map(before: View, after: View, *, full: float = 40.0) -> Image.Image:
    """Return `before` in grey with the colour difference laid over it.

    `full` is the Delta E that gets the last colour of the scale; the scale is fixed, so the maps of two blocks compare.
    """
    delta = np.sqrt(((after.lab - before.lab) ** 2).sum(axis=-1))
    strength = np.clip(delta / full, 0.0, 1.0)
    grey = np.repeat((before.lab[..., :1] * 1.6 + 40.0).clip(0, 255), 3, axis=-1)
    opacity = np.sqrt(strength)[..., None] * 0.9
    return Image.fromarray((grey * (1 - opacity) + _heat_color(strength) * opacity).astype(np.uint8))


def _heat_color(strength: Array) -> Array:
    stops = np.linspace(0.0, 1.0, len(_HEAT))
    return np.stack([np.interp(strength, stops, _HEAT[:, channel]) for channel in range(3)], axis=-1)
