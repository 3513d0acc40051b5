"""Which sampling step a WebUI's next call of the denoising model belongs to."""

from typing import Any

_LOOKS_AHEAD = "PLMS"


def step_of(denoiser: Any, p: Any) -> tuple[int, int]:
    """Return (step from 0, steps of this pass) of the coming call.

    `denoiser` is the host's CFGDenoiser: its `step` counts the calls of this pass, `steps` the steps, `total_steps`
    the calls it expects, twice the steps for samplers of second order. Those finish their last step with one call.
    PLMS looks ahead once, in its first step, and UniPC ends with a call after the last step; DPM adaptive makes as many
    calls as it likes, and what lies beyond the last step belongs to it. The host's own `sampling_step` is of no use: it
    is one step late, except in the second calls.
    """
    steps = int(denoiser.steps or p.steps)
    order = max(1, int(denoiser.total_steps or steps) // steps)
    call = int(denoiser.step)
    if order == 1 and _sampler_name(denoiser, p) == _LOOKS_AHEAD:
        call = max(0, call - 1)
    return min(call // order, steps - 1), steps


def _sampler_name(denoiser: Any, p: Any) -> str | None:
    config = getattr(getattr(denoiser, "sampler", None), "config", None)
    return getattr(config, "name", None) or getattr(p, "sampler_name", None)
