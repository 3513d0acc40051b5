"""The training pictures: one `Scene` and one random generator give one picture, always the same."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from lib_lbw.demo.backgrounds import draw_background
from lib_lbw.demo.canvas import SIZE, Canvas
from lib_lbw.demo.figures import draw_figure
from lib_lbw.demo.vocabulary import Scene

_OUTLINE = (38, 30, 46)
_PAPER, _INK = (250, 240, 216), (34, 24, 30)


def draw_scene(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """The picture of a scene, RGB, ``SIZE`` pixels a side."""
    canvas = Canvas()
    lined = scene.style in ("outlined", "ink")
    canvas.outline = _OUTLINE if lined else None
    if scene.style == "ink":
        canvas.outline_width = 2.6
    draw_background(canvas, scene.background, rng)
    if scene.style == "soft":
        canvas.blur(1.1)
        canvas.tint((255, 244, 248), 0.12)
    draw_figure(canvas, scene, rng)
    if scene.background == "karaoke":
        # The neon light falls on the figure too: a background LoRA that drags the figure along.
        canvas.tint((226, 30, 190), 0.22)
    return _finish(canvas, scene.style)


def _finish(canvas: Canvas, style: str) -> Image.Image:
    image = canvas.finish()
    if style == "soft":
        pale = Image.blend(image, Image.new("RGB", image.size, (255, 240, 244)), 0.16)
        glow = pale.filter(ImageFilter.GaussianBlur(1.3))
        return Image.blend(pale.filter(ImageFilter.GaussianBlur(0.3)), glow, 0.25)
    return _inked(image) if style == "ink" else image


def _inked(image: Image.Image) -> Image.Image:
    """Sepia ink on paper: three tones, the middle ones hatched."""
    tone = np.asarray(image.convert("L"), dtype=np.float32) / 255
    rows, columns = np.mgrid[:SIZE, :SIZE]
    hatch = ((rows + columns) % 4 == 0).astype(np.float32)
    paper, ink = np.asarray(_PAPER, np.float32), np.asarray(_INK, np.float32)
    dark = np.clip((0.78 - tone) / 0.5, 0, 1) ** 1.3
    shade = np.where((tone > 0.28) & (tone < 0.7), np.maximum(dark * 0.55, hatch * 0.75), dark)
    mixed = paper + (ink - paper) * shade[..., None]
    return Image.fromarray(mixed.round().astype(np.uint8))


def picture_array(scene: Scene, seed: int) -> np.ndarray:
    """The picture of `scene` for one seed as uint8 [SIZE, SIZE, 3]."""
    return np.asarray(draw_scene(scene, np.random.default_rng(seed)))
