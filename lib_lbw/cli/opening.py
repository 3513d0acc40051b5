"""From options to a session: the model, its LoRAs, the presets. Imports torch and diffusers when called."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.books import elements_of, presets_of
from lib_lbw.cli.output import note
from lib_lbw.errors import LbwError

if TYPE_CHECKING:
    import torch

    from lib_lbw.hosts.base import Picture
    from lib_lbw.hosts.diffusers import DiffusersHost
    from lib_lbw.hosts.session import OnBadDirective, Session


def open_session(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "Session":
    """Load the model that the options name, or the embedded one, and return a session whose prompts know `loras`.

    The session draws with the picture settings among the options. Raises CheckpointError, LoraFileError, HostError,
    LbwError.
    """
    from lib_lbw.hosts.session import Session

    host = open_host(arguments, loras)
    settings = picture_of(arguments, host.defaults)
    on_bad_directive: OnBadDirective = getattr(arguments, "on_bad_directive", "stop")
    books = partial(presets_of, arguments), partial(elements_of, arguments)
    return Session(host, *books, settings, on_bad_directive=on_bad_directive)


def open_host(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "DiffusersHost":
    """Load the model, and note what was assumed of it. Raises CheckpointError, and LbwError for an absent device."""
    quiet_libraries()
    from lib_lbw.blocks import family
    from lib_lbw.demo.opening import open_embedded
    from lib_lbw.hosts.base import Picture
    from lib_lbw.hosts.checkpoint import best_device, load
    from lib_lbw.hosts.diffusers import DiffusersHost

    device = usable_device(arguments.device or best_device())
    dtype = dtype_of(arguments.dtype, device)
    if arguments.checkpoint is None:
        if arguments.prediction is not None:
            raise LbwError("--prediction is for a model given with --checkpoint")
        return open_embedded(device, dtype, loras)
    loaded = load(arguments.checkpoint, str(device), dtype, arguments.prediction)
    for notice in loaded.notices:
        note(f"note: {notice}")
    pipeline = loaded.pipeline
    pixels = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    defaults = Picture("", width=pixels, height=pixels)
    model = arguments.checkpoint.stem
    return DiffusersHost(pipeline, family(family_id(pipeline)), loras, model=model, defaults=defaults)


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
    """Return the dtype of that name; without one, the one that suits the device."""
    import torch

    from lib_lbw.hosts.checkpoint import default_dtype

    if name is None:
        return default_dtype(device)
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
