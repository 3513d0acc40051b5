"""Which sampling step a WebUI's next call of the denoising model belongs to."""

import inspect
from typing import Any

_LOOKS_AHEAD = "PLMS"
_LOOP = {"sigmas", "i"}
_BEGINS_A_PASS = "launch_sampling"  # of the host's Sampler, in every version


def step_of(denoiser: Any, p: Any) -> tuple[int, int]:
    """Return (step from 0, steps of this pass) of the coming call.

    `denoiser` is the host's CFGDenoiser: its `steps` are the steps of this pass, its `step` counts the calls. Must be
    called from within the model call, as the host's callback is: the sampler that waits for it knows its step.

    Samplers that are written in another way tell nothing; their calls are counted. `total_steps` are the calls the
    host expects, twice the steps for samplers of second order, which finish their last step with one call. PLMS looks
    ahead once, in its first step, and UniPC ends with a call after the last step; DPM adaptive and reForge's ODE
    samplers make as many calls as they like, and what lies beyond the last step belongs to it. The host's own
    `sampling_step` is of no use: it is one step late, except in the second calls.
    """
    steps = int(denoiser.steps or p.steps)
    step = _loop_of_sampler()
    if step is None:
        step = _counted(denoiser, p, steps)
    return min(step, steps - 1), steps


def _loop_of_sampler() -> int | None:
    """Return `i` of the innermost running function sample_*(model, x, sigmas, ...) that loops over its sigmas with it.

    So k-diffusion's samplers are written, and those that hosts and extensions add to them. Neither the sigma of a call
    nor the sampler's callback, which comes in the middle of a step, could tell whether the call continues a step or
    begins the next one: Euler and Heun make the same first two calls. HeunPP2 and others make two or three a step
    without their host's knowing, some of them not in every step.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != _BEGINS_A_PASS:
        code = frame.f_code
        if code.co_name.startswith("sample_") and {*code.co_varnames, *code.co_cellvars} >= _LOOP:
            step = frame.f_locals.get("i", 0)  # not there yet: a call before the loop belongs to its first step
            if isinstance(step, int):
                return step
        frame = frame.f_back
    return None


def _counted(denoiser: Any, p: Any, steps: int) -> int:
    order = max(1, int(denoiser.total_steps or steps) // steps)
    call = int(denoiser.step)
    if order == 1 and _sampler_name(denoiser, p) == _LOOKS_AHEAD:
        call = max(0, call - 1)
    return call // order


def _sampler_name(denoiser: Any, p: Any) -> str | None:
    config = getattr(getattr(denoiser, "sampler", None), "config", None)
    return getattr(config, "name", None) or getattr(p, "sampler_name", None)
