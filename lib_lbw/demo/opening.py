"""The embedded model, ready to draw. Importing this loads torch and diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from lib_lbw.blocks.family import family
from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.demo.model import load_demo_pipeline
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.checkpoint import best_device, default_dtype
from lib_lbw.hosts.diffusers import DiffusersHost

NAME = "embedded"
GUIDANCE = 3.0
"""The guidance scale that the model was tuned for."""


def open_embedded(
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    loras: Mapping[str, Path] | None = None,
) -> DiffusersHost:
    """Load the model on `device`, by default the best one there is.

    Without `dtype` it is half precision on cuda and float32 elsewhere. `loras` are the files that tags name, by default
    those of this package.
    """
    device = device or best_device()
    pipeline = load_demo_pipeline(device, dtype or default_dtype(device))
    pixels = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    defaults = Picture("", width=pixels, height=pixels, cfg_scale=GUIDANCE)
    own = {name: demo_lora_path(name) for name in demo_lora_names()} if loras is None else loras
    return DiffusersHost(pipeline, family("sd1"), own, model=NAME, defaults=defaults)
