"""How many pictures fit into memory at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.recipes import Recipe, Recipes
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.memory import free_bytes
from lib_lbw.hosts.parameters import Parameters
from lib_lbw.hosts.prompts import guided

LARGEST = 16
"""More samples than this gain nothing: the layers are saturated, and the first picture comes later."""

_WORKING_WIDTH = 64
"""Tensors as large as the input convolution's output that a U-Net holds at its peak. The skip connections are 12, a
feed-forward layer's inner activation 8 and its gate as many; the rest is attention and copies. Rounded up."""

_SHARE = 0.6
"""Part of the free memory that a batch may plan with; estimates are coarse and fragments get lost."""


@dataclass(frozen=True)
class Merged:
    """Bytes of merged weights beside the model's own: those of the first sample, and those each further one adds."""

    first: int = 0
    more: int = 0


def sample_bytes(pipeline: Any, picture: Picture) -> int:
    """Estimate what one more sample of `picture`'s size needs while the U-Net runs."""
    rows = 2 if guided(picture) else 1
    scale = pipeline.vae_scale_factor
    area = (picture.height // scale) * (picture.width // scale)
    width = pipeline.unet.config.block_out_channels[0]
    return int(rows * area * width * pipeline.unet.dtype.itemsize * _WORKING_WIDTH)


def merged_bytes(samples: Sequence[Sequence[Recipes]], find: Callable[[ModuleId], torch.nn.Module | None]) -> Merged:
    """Return the merged weights that `samples` need, each given as the recipes of all its moments.

    The first merged copy of every layer counts as the first sample's, what the others add as shared out among all. In
    a one-off block grid all share one merged weight a layer and `more` is 0; where every sample has random weights of
    its own, it is nearly a copy of the model.
    """
    distinct: dict[ModuleId, set[Recipe]] = {}
    for recipes in chain.from_iterable(samples):
        for module, recipe in recipes.items():
            distinct.setdefault(module, set()).add(recipe)
    layers = [(layer, len(made)) for module, made in distinct.items() if (layer := find(module)) is not None]
    sizes = [(Parameters.of(layer).weight.nbytes, times) for layer, times in layers]
    extra = sum(size * (times - 1) for size, times in sizes)
    return Merged(sum(size for size, _ in sizes), extra // len(samples))


def batch_size(pipeline: Any, picture: Picture, device: torch.device, merged: Merged | None = None) -> int:
    """Return how many samples like `picture` to denoise at once on `device`, at least 1."""
    weights = merged or Merged()
    room = _SHARE * (free_bytes(device) - weights.first)
    return max(1, min(LARGEST, int(room / (sample_bytes(pipeline, picture) + weights.more))))
