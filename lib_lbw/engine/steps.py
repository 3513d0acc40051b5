"""Which sampling step a call of the denoising model belongs to.

Second-order samplers (Heun, DPM2) call the model twice a step, except for the last step, which they finish with one
call. PLMS (Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds") does so for its first step
only: it looks ahead to the second timestep, redoes the step with both, and then calls the model at that timestep again
for the next step. Schedules count steps, so that `stop=10` means the same picture stage on every sampler.
"""

from collections.abc import Sequence


def steps_of_calls(times: Sequence[float], order: int, steps: int) -> tuple[int, ...]:
    """Return the step (0-based, < `steps`) of every model call.

    `times` are the timesteps of the calls, `order` is the number of calls that a full step takes (1 or 2). A sampler
    of order 1 that makes more calls than steps looks ahead: such a call has the timestep of the call after it.
    """
    if order > 1 or len(times) == steps:
        return tuple(min(call // order, steps - 1) for call in range(len(times)))
    made: list[int] = []
    for call, time in enumerate(times):
        ahead = 0 < call < len(times) - 1 and times[call + 1] == time
        made.append(0 if not made else made[-1] if ahead else made[-1] + 1)
    return tuple(made)
