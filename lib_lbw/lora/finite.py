"""Whether a tensor holds nothing but numbers, told in one fast pass."""

import math

import torch
from torch import Tensor

_CHUNK = 1 << 18
"""Numbers looked at together; no second tensor of the same size is made."""


def all_finite(tensor: Tensor) -> bool:
    """Whether `tensor`, of any dtype, holds neither NaN nor an infinity."""
    if not tensor.is_floating_point():
        return True
    flat = tensor.detach().reshape(-1)
    return all(_finite(flat[start : start + _CHUNK]) for start in range(0, flat.numel(), _CHUNK))


def _finite(part: Tensor) -> bool:
    """NaN and infinities stay in a sum, so a finite sum proves all; only where it is not are they looked for singly."""
    wide = part.float() if part.element_size() == 1 else part  # torch adds up no 8 bits
    total = wide.sum(dtype=torch.float32 if wide.element_size() < 4 else wide.dtype)
    return math.isfinite(float(total)) or bool(torch.isfinite(wide).all())
