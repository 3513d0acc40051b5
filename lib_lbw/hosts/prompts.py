"""Prompts as the numbers a denoising model is conditioned on."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch

from lib_lbw.engine.recipes import Recipes
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.patcher import Patcher

REMEMBERED = 64
"""Prompts whose encoding is remembered. One takes less than a megabyte."""


@dataclass(frozen=True)
class Conditioning:
    """What one sample is guided by.

    `embeds` is (rows, tokens, width), `pooled` (rows, width) on models that use it. A guided sample has two rows,
    the negative prompt first; an unguided one has only its prompt.
    """

    embeds: torch.Tensor
    pooled: torch.Tensor | None = None


def guided(picture: Picture) -> bool:
    """Tell whether the picture is drawn with classifier-free guidance, two model rows a sample."""
    return picture.cfg_scale > 1.0


def encode(pipeline: Any, picture: Picture, device: torch.device) -> Conditioning:
    """Encode the two prompts of `picture` on `device` with the pipeline's text encoders as they are now.

    An empty negative prompt is left to the pipeline, since SDXL models may ask for zeros there.
    """
    both = guided(picture)
    negative = picture.negative_prompt or None
    settings = {"num_images_per_prompt": 1, "do_classifier_free_guidance": both, "negative_prompt": negative}
    if getattr(pipeline, "text_encoder_2", None) is None:
        prompt_embeds, negative_embeds = pipeline.encode_prompt(picture.prompt, device, **settings)
        return Conditioning(_rows(negative_embeds, prompt_embeds, both))
    made = pipeline.encode_prompt(picture.prompt, device=device, **settings)
    prompt_embeds, negative_embeds, pooled, negative_pooled = made
    return Conditioning(_rows(negative_embeds, prompt_embeds, both), _rows(negative_pooled, pooled, both))


def _rows(negative: torch.Tensor | None, positive: torch.Tensor, both: bool) -> torch.Tensor:
    """Stack the rows of one sample."""
    return torch.cat([negative, positive]) if both and negative is not None else positive


class Encoder:
    """Encodes prompts under the recipes of the text encoders, and remembers the latest encodings.

    U-Net recipes are none of its business, so a change of those encodes nothing anew.
    """

    def __init__(self, pipeline: Any, patcher: Patcher, device: torch.device) -> None:
        """`patcher` must be one for the text encoders alone; `device` is where the pipeline computes."""
        self._pipeline = pipeline
        self._patcher = patcher
        self._device = device
        self._known: OrderedDict[tuple[object, ...], Conditioning] = OrderedDict()

    def __call__(self, picture: Picture, recipes: Recipes) -> Conditioning:
        """Return the conditioning of `picture` under `recipes`."""
        key = (picture.prompt, picture.negative_prompt, guided(picture), tuple(sorted(recipes.items())))
        if key not in self._known:
            self._patcher.change([recipes])
            self._known[key] = encode(self._pipeline, picture, self._device)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]

    def forget(self) -> None:
        """Forget all encodings: a file that recipes name has changed."""
        self._known.clear()
