"""sRGB pictures to CIE L*a*b*, in float64 and numpy only.

Sources: IEC 61966-2-1 (sRGB transfer curve and primaries), CIE 15:2018 (L*a*b*, 2 degree observer, D65).
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

_RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _RGB_TO_XYZ.sum(axis=1)  # the XYZ of sRGB (1, 1, 1), so that every grey has a* = b* = 0 exactly
_DELTA = 6.0 / 29.0


def _linear_light() -> Array:
    """Return the linear light of each of the 256 sRGB codes, in [0, 1]."""
    code = np.arange(256) / 255.0
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear_light()


LOW = 32
"""Side of the small copy that composition and directions are measured on."""


class View:
    """A picture with what is computed from it, each thing once: `rgb`, `lab` and `low`, its L*a*b* at LOW x LOW."""

    def __init__(self, image: Image.Image) -> None:
        self.rgb = pixels(image)

    @cached_property
    def lab(self) -> Array:
        """L*a*b* float64 [height, width, 3]."""
        return lab(self.rgb)

    @cached_property
    def low(self) -> Array:
        """Area means of `lab`, [LOW, LOW, 3]."""
        return area_mean(self.lab, LOW, LOW)


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the picture as uint8 [height, width, 3]; transparency is dropped, grey is repeated."""
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def lab(rgb: NDArray[np.uint8]) -> Array:
    """Return L*a*b* [..., 3] of sRGB codes uint8 [..., 3]: L* in [0, 100], a* and b* within about +-110."""
    ratio = (_LINEAR[rgb.reshape(-1, 3)] @ (_RGB_TO_XYZ.T / _WHITE)).reshape(rgb.shape)
    root = np.where(ratio > _DELTA**3, np.cbrt(ratio), ratio / (3 * _DELTA**2) + 4.0 / 29.0)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def area_mean(values: Array, height: int, width: int) -> Array:
    """Shrink [h, w, ...] to [height, width, ...]; each output is the mean of the area it covers (exact fractions)."""
    rows = _coverage(values.shape[0], height)
    columns = _coverage(values.shape[1], width)
    tall = np.tensordot(rows, values, axes=(1, 0))
    return np.moveaxis(np.tensordot(columns, tall, axes=(1, 1)), 0, 1)


def _coverage(size: int, parts: int) -> Array:
    """Return the matrix [parts, size] of the share that each source line has in each part; rows sum to one."""
    edges = np.linspace(0.0, size, parts + 1)
    lines = np.arange(size)
    overlap = np.minimum(edges[1:, None], lines + 1) - np.maximum(edges[:-1, None], lines)
    share = np.clip(overlap, 0.0, None)
    normalised: Array = share / share.sum(axis=1, keepdims=True)
    return normalised
