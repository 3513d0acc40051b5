"""The places a figure can stand in. Each function fills the canvas; the figure comes afterwards."""

from __future__ import annotations

import numpy as np

from lib_lbw.demo.canvas import UNITS, Canvas, Colour, mix

_WHITE: Colour = (255, 255, 255)


def _room(canvas: Canvas, rng: np.random.Generator) -> None:
    walls: tuple[Colour, ...] = ((247, 219, 186), (238, 205, 190), (242, 228, 188))
    wall = walls[rng.integers(len(walls))]
    canvas.rectangle(-2, -2, 130, 96, wall)
    canvas.rectangle(-2, 94, 130, 130, (176, 120, 78))
    for y in (102, 111, 121):
        canvas.line([(0, y), (128, y)], (152, 99, 62), 1)
    canvas.rectangle(-2, 92, 130, 96, _WHITE)
    left = bool(rng.random() < 0.5)
    window, shelf = (20, 106) if left else (108, 22)
    canvas.rectangle(window - 15, 20, window + 15, 60, _WHITE)
    canvas.rectangle(window - 12, 23, window + 12, 57, (150, 211, 245))
    canvas.line([(window, 23), (window, 57)], _WHITE, 2)
    canvas.line([(window - 12, 40), (window + 12, 40)], _WHITE, 2)
    canvas.rectangle(shelf - 12, 24, shelf + 12, 42, (140, 88, 52))
    canvas.rectangle(shelf - 9, 27, shelf + 9, 39, (120, 178, 128))
    canvas.rectangle(shelf - 7, 88, shelf + 7, 106, (205, 95, 62))
    for dx, dy in ((-8, 72), (8, 72), (0, 66)):
        canvas.ellipse(shelf + dx, dy + 6, 6, 11, (72, 150, 82))


def _beach(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.gradient(0, 62, (96, 190, 250), (200, 236, 252))
    left = bool(rng.random() < 0.5)
    sun, palm = (22, 112) if left else (106, 16)
    canvas.ellipse(sun, 20, 11, 11, (255, 226, 92))
    canvas.rectangle(-2, 60, 130, 86, (40, 142, 208))
    for y in (67, 75):
        shift = rng.uniform(0, 16)
        for x in range(-16, 128, 24):
            canvas.line([(x + shift, y), (x + shift + 10, y)], (150, 214, 240), 1.5)
    canvas.polygon([(-2, 87), (40, 83), (90, 87), (130, 84), (130, 130), (-2, 130)], (247, 222, 156))
    lean = 6 if left else -6
    canvas.line([(palm, 106), (palm - lean * 0.2, 70), (palm - lean, 42)], (150, 104, 62), 4.5)
    for dx, dy in ((-17, 6), (-13, -7), (0, -13), (13, -7), (17, 6)):
        x, y = palm - lean, 42
        tip = (x + dx, y + dy)
        side = (x + dx * 0.45, y + dy * 0.45 - 5)
        canvas.polygon([(x, y + 2), side, tip], (58, 158, 84))


def _street(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.gradient(0, 90, (176, 214, 236), (226, 238, 244))
    walls: tuple[Colour, ...] = ((200, 104, 88), (116, 132, 160), (222, 176, 112), (150, 120, 150))
    start = int(rng.integers(len(walls)))
    for i, (x0, x1) in enumerate(((-2, 30), (30, 64), (64, 96), (96, 130))):
        top = rng.uniform(10, 26)
        canvas.rectangle(x0, top, x1, 94, walls[(start + i) % len(walls)])
        for row in range(int((86 - top) // 15)):
            for column in (0.22, 0.62):
                x, y = x0 + (x1 - x0) * column, top + 6 + 15 * row
                canvas.rectangle(x, y, x + 6, y + 8, (255, 238, 168))
    canvas.rectangle(-2, 94, 130, 104, (188, 188, 192))
    canvas.rectangle(-2, 104, 130, 130, (88, 90, 100))
    for x in range(-8, 128, 28):
        canvas.rectangle(x, 120, x + 15, 123, (244, 222, 120))


def _tree(canvas: Canvas, x: float, top: float, green: Colour) -> None:
    canvas.rectangle(x - 3, top + 20, x + 3, 100, (112, 76, 48))
    canvas.ellipse(x - 8, top + 17, 11, 12, green)
    canvas.ellipse(x + 8, top + 17, 11, 12, green)
    canvas.ellipse(x, top + 8, 12, 13, mix(green, _WHITE, 0.08))


def _forest(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.gradient(0, 96, (176, 222, 160), (214, 238, 178))
    for x in (8.0, 34.0, 62.0, 92.0, 120.0):
        _tree(canvas, x + rng.uniform(-5, 5), rng.uniform(8, 22), (108, 178, 104))
    canvas.rectangle(-2, 94, 130, 130, (104, 168, 78))
    for x in (6.0, 122.0):
        _tree(canvas, x + rng.uniform(-3, 3), rng.uniform(18, 34), (46, 120, 70))
    for i in range(7):
        x, y = 8 + 18 * i + rng.uniform(-4, 4), rng.uniform(104, 124)
        petals: tuple[Colour, ...] = ((250, 120, 140), (255, 236, 110), _WHITE)
        canvas.ellipse(x, y, 2, 2, petals[rng.integers(3)])


def _night(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.gradient(0, 128, (16, 20, 62), (58, 56, 124))
    moon = 20 if rng.random() < 0.5 else 108
    canvas.ellipse(moon, 22, 11, 11, (255, 244, 190))
    canvas.ellipse(moon - 4, 19, 2.5, 2.5, (232, 218, 160))
    for _ in range(16):
        x, y = rng.uniform(3, 125), rng.uniform(3, 70)
        if abs(x - moon) > 15 or y > 40:
            canvas.rectangle(x, y, x + 1.5, y + 1.5, (250, 246, 214))
    for x0 in range(-2, 128, 17):
        top = rng.uniform(62, 84)
        canvas.rectangle(x0, top, x0 + 17, 104, (32, 32, 78))
        for row in range(2):
            canvas.rectangle(x0 + 5, top + 5 + 9 * row, x0 + 9, top + 9 + 9 * row, (255, 210, 96))
    canvas.rectangle(-2, 102, 130, 130, (44, 44, 92))


def _fir(canvas: Canvas, x: float, top: float) -> None:
    canvas.rectangle(x - 2, 86, x + 2, 100, (104, 74, 56))
    for i in range(3):
        y, half = top + 14 * i, 8 + 3.5 * i
        canvas.polygon([(x, y), (x + half, y + 20), (x - half, y + 20)], (66, 126, 116))
        canvas.polygon([(x, y), (x + half * 0.5, y + 10), (x - half * 0.5, y + 10)], _WHITE)


def _snow(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.gradient(0, 92, (168, 190, 222), (224, 232, 244))
    hill = (228, 236, 248)
    canvas.ellipse(24, 112, 62, 36, hill)
    canvas.ellipse(112, 114, 58, 40, mix(hill, (190, 206, 232), 0.4))
    for x in (14, 114):
        _fir(canvas, x + rng.uniform(-5, 5), rng.uniform(36, 46))
    canvas.rectangle(-2, 98, 130, 130, (250, 252, 255))
    for _ in range(22):
        canvas.ellipse(rng.uniform(2, 126), rng.uniform(2, 96), 1.3, 1.3, _WHITE)


def _karaoke(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.gradient(0, 96, (36, 8, 62), (92, 16, 110))
    canvas.rectangle(-2, 94, 130, 130, (34, 12, 58))
    for x0 in range(0, 128, 16):
        tile: Colour = (224, 44, 150) if (x0 // 16) % 2 else (40, 196, 226)
        canvas.polygon([(x0, 104), (x0 + 16, 104), (x0 * 1.3 - 8, 130), (x0 * 1.3 - 28, 130)], tile)
    left = bool(rng.random() < 0.5)
    screen, stand = (24, 108) if left else (104, 20)
    canvas.rectangle(screen - 20, 18, screen + 20, 48, (64, 240, 250))
    canvas.rectangle(screen - 17, 21, screen + 17, 45, (250, 72, 178))
    for i in range(3):
        canvas.line([(screen - 11, 27 + 6 * i), (screen + 11 - 4 * i, 27 + 6 * i)], _WHITE, 2)
    canvas.ellipse(64, 3, 9, 9, (226, 226, 246))
    for x in (46, 82):
        canvas.line([(x, 0), (64 + (x - 64) * 2.6, 92)], (150, 70, 214), 3)
    canvas.line([(stand, 116), (stand, 62)], (190, 190, 210), 2.4)
    canvas.ellipse(stand, 58, 5, 6, (240, 240, 250))
    canvas.line([(0, 94), (128, 94)], (90, 250, 250), 2)


_PLACES = {
    "room": _room,
    "beach": _beach,
    "street": _street,
    "forest": _forest,
    "night": _night,
    "snow": _snow,
    "karaoke": _karaoke,
}


def draw_background(canvas: Canvas, name: str, rng: np.random.Generator) -> None:
    """Fill the canvas (``UNITS`` units a side) with the place called `name`."""
    _PLACES[name](canvas, rng)
    assert canvas.image.width % UNITS == 0
