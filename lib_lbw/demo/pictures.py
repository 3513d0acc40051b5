"""A pool of drawn pictures in memory, and batches from it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import torch

from lib_lbw.demo.canvas import SIZE
from lib_lbw.demo.draw import draw_scene
from lib_lbw.demo.vocabulary import Scene, random_scene

Batch = tuple[torch.Tensor, list[Scene]]


def _draw_one(index: int, seed: int, fixed: dict[str, str]) -> tuple[np.ndarray, Scene]:
    rng = np.random.default_rng((seed, index))
    scene = random_scene(rng, **fixed)
    return np.asarray(draw_scene(scene, rng)), scene


class PicturePool:
    """`count` pictures that depend on the seed alone; `fixed` pins fields of their scenes."""

    def __init__(self, count: int, seed: int, workers: int = 1, fixed: dict[str, str] | None = None) -> None:
        self.pixels = np.empty((count, SIZE, SIZE, 3), dtype=np.uint8)
        self.scenes: list[Scene] = []
        draw = partial(_draw_one, seed=seed, fixed=fixed or {})
        if workers == 1:
            self._fill(map(draw, range(count)).__next__, count)
        else:
            with ProcessPoolExecutor(workers) as processes:
                drawn = processes.map(draw, range(count), chunksize=64)
                self._fill(drawn.__next__, count)

    def _fill(self, following: Callable[[], tuple[np.ndarray, Scene]], count: int) -> None:
        for i in range(count):
            self.pixels[i], scene = following()
            self.scenes.append(scene)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Pixels [size, 3, SIZE, SIZE] in -1..1, half of them mirrored, and their scenes."""
        chosen = rng.integers(len(self.scenes), size=size)
        pixels = self.pixels[chosen]
        mirrored = rng.random(size) < 0.5
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        return tensor, [self.scenes[i] for i in chosen]
