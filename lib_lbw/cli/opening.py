"""From options to a session: the model, its LoRAs, the presets. Imports torch and diffusers when called."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.errors import LbwError

if TYPE_CHECKING:
    import torch

    from lib_lbw.hosts.base import Picture
    from lib_lbw.hosts.diffusers import DiffusersHost
    from lib_lbw.hosts.session import Session

GUIDANCE = 3.0  # what the embedded model was tuned for


def open_session(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "Session":
    """Load the model that the options name, or the embedded one, and return a session whose prompts know `loras`.

    The session draws with the picture settings among the options. Raises CheckpointError, LoraFileError, LbwError.
    """
    from lib_lbw.cli.library import preset_book
    from lib_lbw.hosts.session import Session

    presets = preset_book(getattr(arguments, "presets", None))
    host = open_host(arguments, loras)
    return Session(host, presets, settings=picture_of(arguments, host.defaults))


def open_host(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "DiffusersHost":
    """Load the model. Raises CheckpointError, and LbwError for a device that is not here."""
    quiet_libraries()
    from lib_lbw.blocks import family
    from lib_lbw.demo.model import load_demo_pipeline
    from lib_lbw.hosts.base import Picture
    from lib_lbw.hosts.checkpoint import best_device, load_pipeline
    from lib_lbw.hosts.diffusers import DiffusersHost

    device = usable_device(arguments.device or best_device())
    dtype = dtype_of(arguments.dtype, device)
    if arguments.checkpoint is None:
        pipeline, name, guidance = load_demo_pipeline(device, dtype), "embedded", GUIDANCE
    else:
        pipeline, name = load_pipeline(arguments.checkpoint, str(device), dtype), arguments.checkpoint.stem
        guidance = Picture("").cfg_scale
    pixels = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    defaults = Picture("", width=pixels, height=pixels, cfg_scale=guidance)
    return DiffusersHost(pipeline, family(family_id(pipeline)), loras, model=name, defaults=defaults)


def quiet_libraries() -> None:
    """Keep advice that is not for the user (torchvision is missing, a tokenizer was renamed) out of the output."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()


def family_id(pipeline: Any) -> str:
    """Return the family of a loaded Stable Diffusion pipeline."""
    if getattr(pipeline, "text_encoder_2", None) is not None:
        return "sdxl"
    return "sd2" if pipeline.unet.config.cross_attention_dim == 1024 else "sd1"


def usable_device(name: str) -> "torch.device":
    """Return the device of that name. Raises LbwError when there is none such here."""
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise LbwError("device {name} cannot be used here: {reason}", name=name, reason=reason) from error
    return device


def dtype_of(name: str | None, device: "torch.device") -> "torch.dtype":
    """Return the dtype of that name; without one half precision on cuda, which has room for little else."""
    import torch

    if name is None:
        return torch.float16 if device.type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def picture_of(arguments: argparse.Namespace, defaults: "Picture") -> "Picture":
    """Return the settings of `defaults` with those that the options give in their place."""
    names = {
        "negative": "negative_prompt",
        "seed": "seed",
        "steps": "steps",
        "cfg": "cfg_scale",
        "width": "width",
        "height": "height",
        "sampler": "sampler",
    }
    given = {field: getattr(arguments, option, None) for option, field in names.items()}
    return replace(defaults, **{field: value for field, value in given.items() if value is not None})
