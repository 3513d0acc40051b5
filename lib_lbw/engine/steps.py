"""Which sampling step a call of the denoising model belongs to.

Second-order samplers (Heun, DPM2) call the model twice a step, except for the last step, which they finish with one
call. Schedules count steps, so that `stop=10` means the same picture stage on every sampler.
"""


def step_of_call(call: int, order: int, steps: int) -> int:
    """Return the step (0-based, < `steps`) of model call number `call` (0-based).

    `order` is the number of calls a full step takes (1 or 2). Samplers that spend an extra call on warming up
    (PNDM) stay on their last step for it.
    """
    return min(call // order, steps - 1)
