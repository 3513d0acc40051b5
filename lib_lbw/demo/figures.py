"""A front-facing figure in a few shapes: body, clothes, head, hair, hat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib_lbw.demo.canvas import Canvas, Colour, arc_points, mix
from lib_lbw.demo.vocabulary import Scene

_WHITE: Colour = (255, 255, 255)
_DARK: Colour = (44, 34, 48)
_SKINS: tuple[Colour, ...] = ((255, 224, 196), (246, 205, 170), (214, 160, 120))
HAIR: dict[str, Colour] = {
    "red": (206, 52, 44),
    "blond": (250, 212, 104),
    "brown": (126, 76, 44),
    "black": (44, 38, 50),
    "blue": (58, 110, 214),
    "pink": (248, 134, 178),
    "green": (64, 168, 98),
    "white": (236, 236, 242),
    "gold": (255, 186, 20),
    "teal": (30, 214, 206),
}
CLOTH: dict[str, Colour] = {
    "red": (222, 52, 54),
    "blue": (52, 102, 208),
    "green": (52, 152, 84),
    "yellow": (250, 208, 62),
    "purple": (142, 76, 184),
    "white": (246, 246, 248),
    "black": (52, 48, 58),
    "orange": (246, 138, 44),
}
HEAD_RADIUS = {"small": 14.5, "normal": 21.0, "big": 28.0}


@dataclass(frozen=True)
class _Pose:
    """Where the figure stands, in canvas units."""

    x: float
    neck: float
    radius: float
    skin: Colour
    arm: float

    @property
    def head_y(self) -> float:
        return self.neck - self.radius * 0.86


def draw_figure(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Draw the person of `scene` in the middle of the canvas; small movements come from `rng`."""
    pose = _Pose(
        x=64 + rng.uniform(-3, 3),
        neck=73 + rng.uniform(-1.5, 1.5),
        radius=HEAD_RADIUS[scene.head] * rng.uniform(0.96, 1.04),
        skin=_SKINS[rng.integers(len(_SKINS))],
        arm=rng.uniform(-3, 4),
    )
    hair, cloth = HAIR[scene.hair_colour], CLOTH[scene.garment_colour]
    _hair_behind(canvas, pose, scene.hair, hair)
    _legs(canvas, pose, scene)
    _clothes(canvas, pose, scene.garment, cloth)
    _head(canvas, pose, scene.person)
    _fringe(canvas, pose, hair, scene.person)
    _hat(canvas, pose, scene.hat)
    if scene.hair_colour == "gold":
        _sparkles(canvas, pose)


def _hair_behind(canvas: Canvas, pose: _Pose, style: str, hair: Colour) -> None:
    x, y, r = pose.x, pose.head_y, pose.radius
    shade = mix(hair, (40, 20, 60), 0.18)
    if style == "long":
        bottom = pose.neck + 24
        sides = [(x + 1.2 * r, bottom), (x + 0.5 * r, bottom + 3), (x - 0.5 * r, bottom + 3)]
        top = arc_points(x, y, 1.16 * r, 1.12 * r, 180, 360)
        canvas.polygon([*top, *sides, (x - 1.2 * r, bottom)], shade)
    elif style == "twintails":
        for side in (-1, 1):
            tail = [(x + side * 0.8 * r, y - 0.35 * r), (x + side * 1.75 * r, y + 0.1 * r)]
            low = [(x + side * 1.7 * r, y + 1.5 * r), (x + side * 1.2 * r, y + 1.1 * r)]
            canvas.polygon([*tail, *low], shade)
            canvas.ellipse(x + side * 1.02 * r, y - 0.2 * r, 0.2 * r, 0.2 * r, (250, 90, 110))
    elif style == "bun":
        canvas.ellipse(x, y - 1.22 * r, 0.5 * r, 0.46 * r, shade)
    canvas.ellipse(x, y - 0.04 * r, 1.14 * r, 1.1 * r, shade)


def _legs(canvas: Canvas, pose: _Pose, scene: Scene) -> None:
    trousers = scene.garment == "shirt"
    for side in (-1, 1):
        x = pose.x + side * 6.5
        canvas.line([(x, 98), (x, 114)], (70, 84, 124) if trousers else pose.skin, 8)
        canvas.ellipse(x + side, 118, 6, 3.6, (96, 54, 44))


def _arms(canvas: Canvas, pose: _Pose, cloth: Colour, sleeve: float) -> None:
    for side in (-1, 1):
        shoulder = (pose.x + side * 10, pose.neck + 5)
        hand = (pose.x + side * (20 + pose.arm), pose.neck + 25 - pose.arm)
        cuff = tuple(a + (b - a) * sleeve for a, b in zip(shoulder, hand, strict=True))
        canvas.line([shoulder, hand], pose.skin, 6)
        canvas.line([shoulder, (cuff[0], cuff[1])], cloth, 7.5)


def _clothes(canvas: Canvas, pose: _Pose, garment: str, cloth: Colour) -> None:
    x, top = pose.x, pose.neck
    light, shade = mix(cloth, _WHITE, 0.75), mix(cloth, (20, 10, 40), 0.22)
    _arms(canvas, pose, cloth, {"dress": 0.3, "shirt": 0.5, "coat": 0.9}[garment])
    if garment == "dress":
        skirt = [(x + 8, top + 17), (x + 23, 109), (x - 23, 109), (x - 8, top + 17)]
        canvas.polygon([(x - 11, top + 1), (x + 11, top + 1), *skirt], cloth)
        canvas.polygon([(x + 22, 106), (x + 23, 110), (x - 23, 110), (x - 22, 106)], light)
        canvas.polygon([(x - 9, top + 14), (x + 9, top + 14), (x + 9, top + 18), (x - 9, top + 18)], light)
    elif garment == "shirt":
        body = [(x + 12, top + 2), (x + 13, 102), (x - 13, 102), (x - 12, top + 2)]
        canvas.polygon(body, cloth)
        canvas.polygon(
            [
                (x - 12.5, top + 12),
                (x + 12.5, top + 12),
                (x + 12.7, top + 17),
                (x - 12.7, top + 17),
            ],
            light,
        )
    else:
        canvas.polygon([(x - 12, top + 1), (x + 12, top + 1), (x + 17, 113), (x - 17, 113)], cloth)
        canvas.line([(x, top + 4), (x, 111)], shade, 1.6)
        for y in (top + 14, top + 22, top + 30):
            canvas.ellipse(x + 4.5, y, 1.7, 1.7, (255, 226, 120))
        canvas.line([(x - 9, top + 2), (x + 9, top + 2)], light, 5)


def _head(canvas: Canvas, pose: _Pose, person: str) -> None:
    x, y, r = pose.x, pose.head_y, pose.radius
    canvas.ellipse(x, y, r, 0.94 * r, pose.skin)
    border, canvas.outline = canvas.outline, None
    for side in (-1, 1):
        eye = x + side * 0.4 * r
        canvas.ellipse(eye, y + 0.16 * r, 0.15 * r, 0.23 * r, _DARK)
        canvas.ellipse(eye - 0.04 * r, y + 0.07 * r, 0.06 * r, 0.08 * r, _WHITE)
        canvas.ellipse(
            x + side * 0.62 * r,
            y + 0.46 * r,
            0.15 * r,
            0.1 * r,
            mix(pose.skin, (244, 96, 110), 0.5),
        )
        if person == "girl":
            canvas.line([(eye, y - 0.06 * r), (eye + side * 0.24 * r, y - 0.02 * r)], _DARK, 0.08 * r)
        else:
            canvas.line([(eye - 0.16 * r, y - 0.2 * r), (eye + 0.16 * r, y - 0.2 * r)], _DARK, 0.11 * r)
    smile = arc_points(x, y + 0.44 * r, 0.17 * r, 0.13 * r, 10, 170)
    canvas.line(smile, (176, 54, 62), 0.07 * r)
    canvas.outline = border


def _fringe(canvas: Canvas, pose: _Pose, hair: Colour, person: str) -> None:
    x, y, r = pose.x, pose.head_y, pose.radius
    top = arc_points(x, y - 0.04 * r, 1.14 * r, 1.1 * r, 172, 368)
    if person == "girl":
        edge = (
            (0.92, 0.42),
            (0.84, -0.16),
            (0.4, -0.3),
            (0.1, -0.5),
            (-0.4, -0.3),
            (-0.84, -0.16),
            (-0.92, 0.42),
        )
    else:
        edge = (
            (0.9, 0.06),
            (0.6, -0.42),
            (0.3, -0.2),
            (0.0, -0.46),
            (-0.3, -0.2),
            (-0.6, -0.42),
            (-0.9, 0.06),
        )
    canvas.polygon([*top, *((x + dx * r, y + dy * r) for dx, dy in edge)], hair)
    border, canvas.outline = canvas.outline, None
    shine = arc_points(x, y - 0.1 * r, 0.8 * r, 0.78 * r, 215, 265)
    canvas.line(shine, mix(hair, _WHITE, 0.45), 0.13 * r)
    canvas.outline = border


def _hat(canvas: Canvas, pose: _Pose, hat: str) -> None:
    x, y, r = pose.x, pose.head_y - 0.55 * pose.radius, pose.radius
    if hat == "hat":
        canvas.polygon(arc_points(x, y, 0.85 * r, 0.85 * r, 180, 360), (240, 206, 132))
        canvas.ellipse(x, y, 1.6 * r, 0.22 * r, (240, 206, 132))
        canvas.line([(x - 0.78 * r, y - 0.2 * r), (x + 0.78 * r, y - 0.2 * r)], (206, 66, 60), 0.14 * r)
    elif hat == "cap":
        canvas.polygon(arc_points(x, y, 1.06 * r, 0.85 * r, 180, 360), (56, 92, 190))
        canvas.ellipse(x + 0.35 * r, y + 0.02 * r, 0.95 * r, 0.17 * r, (40, 66, 146))
        canvas.ellipse(x, y - 0.4 * r, 0.18 * r, 0.18 * r, _WHITE)
    elif hat == "crown":
        teeth = [
            (-0.75, 0),
            (-0.85, -0.75),
            (-0.42, -0.38),
            (0, -0.9),
            (0.42, -0.38),
            (0.85, -0.75),
            (0.75, 0),
        ]
        canvas.polygon([(x + dx * r, y + dy * r) for dx, dy in teeth], (255, 208, 48))
        for dx in (-0.4, 0.0, 0.4):
            canvas.ellipse(x + dx * r, y - 0.16 * r, 0.09 * r, 0.09 * r, (222, 50, 70))


def _sparkles(canvas: Canvas, pose: _Pose) -> None:
    border, canvas.outline = canvas.outline, None
    for dx, dy, size in (
        (-1.1, -0.7, 0.3),
        (1.15, -0.4, 0.36),
        (0.5, -1.05, 0.26),
        (-0.95, 0.7, 0.24),
    ):
        x, y, s = pose.x + dx * pose.radius, pose.head_y + dy * pose.radius, size * pose.radius
        tips = [
            (0.0, -1.0),
            (0.22, -0.22),
            (1.0, 0.0),
            (0.22, 0.22),
            (0.0, 1.0),
            (-0.22, 0.22),
            (-1.0, 0.0),
            (-0.22, -0.22),
        ]
        canvas.polygon([(x + a * s, y + b * s) for a, b in tips], (255, 252, 214))
    canvas.outline = border
