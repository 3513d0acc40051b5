"""A small drawing surface: 128 units wide, drawn larger than the finished picture, so that edges are smooth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

UNITS = 128  # a side, in the numbers of the drawings
SIZE = 64  # a side of the finished picture, in pixels
SUPERSAMPLING = 2  # pixels drawn for each unit

Colour = tuple[int, int, int]
Point = tuple[float, float]


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """The colour `amount` (0..1) of the way from `first` to `second`."""
    r, g, b = (round(a + (c - a) * amount) for a, c in zip(first, second, strict=True))
    return (r, g, b)


def arc_points(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points of an elliptic arc; degrees, 0 is to the right and 90 is down."""
    angles = [math.radians(start + (end - start) * i / 24) for i in range(25)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


class Canvas:
    """Shapes in units; `outline` gives each of them a dark border."""

    def __init__(self, size: int = UNITS) -> None:
        self._scale = SUPERSAMPLING
        self._size = size
        side = size * self._scale
        self.image = Image.new("RGB", (side, side), (255, 255, 255))
        self._draw = ImageDraw.Draw(self.image)
        self.outline: Colour | None = None
        self.outline_width = 2.0

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled closed shape."""
        scaled = self._at(points)
        self._draw.polygon(scaled, fill=fill)
        if self.outline is not None:
            width = round(self.outline_width * self._scale)
            self._draw.line([*scaled, scaled[0], scaled[1]], self.outline, width, joint="curve")

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        """An ellipse around its centre."""
        box = self._at([(x - rx, y - ry), (x + rx, y + ry)])
        if self.outline is None:
            self._draw.ellipse(box, fill=fill)
        else:
            width = round(self.outline_width * self._scale)
            self._draw.ellipse(box, fill=fill, outline=self.outline, width=width)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """An upright rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """A stroke with round ends."""
        if self.outline is not None and width > 2.5:
            self._stroke(points, self.outline, width + 2 * self.outline_width)
        self._stroke(points, fill, width)

    def _stroke(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        scaled = self._at(points)
        self._draw.line(scaled, fill, round(width * self._scale), joint="curve")
        radius = width * self._scale / 2
        for x, y in (scaled[0], scaled[-1]):
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
        """A vertical gradient over the full width between two heights."""
        first, last = round(y0 * self._scale), round(y1 * self._scale)
        ramp = np.linspace(0.0, 1.0, last - first)[:, None, None]
        rows = np.asarray(top) * (1 - ramp) + np.asarray(bottom) * ramp
        width = self._size * self._scale
        band = np.broadcast_to(rows, (last - first, width, 3)).round().astype(np.uint8)
        self.image.paste(Image.fromarray(np.ascontiguousarray(band)), (0, first))

    def blur(self, radius: float) -> None:
        """Blur all that is drawn so far; radius in units."""
        self._replace(self.image.filter(ImageFilter.GaussianBlur(radius * self._scale)))

    def tint(self, colour: Colour, amount: float) -> None:
        """Wash all that is drawn so far with one colour."""
        self._replace(Image.blend(self.image, Image.new("RGB", self.image.size, colour), amount))

    def _replace(self, image: Image.Image) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image)

    def finish(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.resize((SIZE, SIZE), Image.Resampling.BOX)
