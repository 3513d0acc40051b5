"""Sampler names and the diffusers schedulers that carry them out.

The names are those of the WebUIs, so that a parameter text means the same sampler everywhere. The pipeline's own
scheduler config supplies the noise schedule and the prediction type.
"""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import diffusers
import torch

from lib_lbw.errors import HostError
from lib_lbw.hosts.base import Picture

_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}

SAMPLERS: Mapping[str, tuple[str, Mapping[str, object]]] = MappingProxyType(
    {
        "Euler": ("EulerDiscreteScheduler", {}),
        "Euler a": ("EulerAncestralDiscreteScheduler", {}),
        "DDIM": ("DDIMScheduler", {}),
        "DPM++ 2M": ("DPMSolverMultistepScheduler", {}),
        "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", _KARRAS),
        "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", _SDE),
        "DPM++ 2M SDE Karras": ("DPMSolverMultistepScheduler", {**_SDE, **_KARRAS}),
        "Heun": ("HeunDiscreteScheduler", {}),
        "DPM2": ("KDPM2DiscreteScheduler", {}),
        "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {}),
        "UniPC": ("UniPCMultistepScheduler", {}),
        "LMS": ("LMSDiscreteScheduler", {}),
        "PLMS": ("PNDMScheduler", {"skip_prk_steps": True}),
        "LCM": ("LCMScheduler", {}),
    }
)
"""Name -> (diffusers class, settings over the pipeline's own config)."""

_NO_SAMPLE_PREDICTION = frozenset({"Euler a", "DPM2", "DPM2 a", "PLMS"})
"""Schedulers of diffusers that cannot use a model which predicts the clean picture (`prediction_type: sample`)."""


def samplers(config: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names that can draw with a model of this scheduler config."""
    lacking = _NO_SAMPLE_PREDICTION if config.get("prediction_type") == "sample" else frozenset()
    return tuple(name for name in SAMPLERS if name not in lacking)


def scheduler(name: str, config: Mapping[str, object]) -> Any:
    """Return a fresh scheduler for sampler `name` with the noise schedule of `config`.

    Raises HostError for a name that the model cannot be drawn with, with the nearest one that it can.
    """
    known = samplers(config)
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise HostError(
            'This model has no sampler "{name}". The nearest name is "{nearest}".', name=name, nearest=nearest[0]
        )
    kind, settings = SAMPLERS[name]
    return getattr(diffusers, kind).from_config(config, **settings)


def timed(picture: Picture, config: Mapping[str, object], device: torch.device | None = None) -> Any:
    """Return the scheduler of `picture` with the timesteps of its steps on `device`.

    Raises HostError for a sampler that the model cannot be drawn with, and for steps that the sampler cannot make.
    """
    made = scheduler(picture.sampler, config)
    try:
        made.set_timesteps(picture.steps, device=device)
    except ValueError as error:
        raise HostError(
            "{sampler} cannot draw in {steps} steps: {reason}",
            sampler=picture.sampler,
            steps=picture.steps,
            reason=error,
        ) from error
    return made
