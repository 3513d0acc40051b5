"""Looking through large tensors without a second one of their size."""

from collections.abc import Iterator

import torch
from torch import Tensor

_CHUNK = 1 << 18
"""Numbers looked at together."""


def chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Give the same stretch of each tensor, as views of those that lie in one piece."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    for start in range(0, flat[0].numel(), _CHUNK):
        yield tuple(each[start : start + _CHUNK] for each in flat)


def all_finite(tensor: Tensor) -> bool:
    """Whether `tensor`, of any dtype, holds neither NaN nor an infinity."""
    if not tensor.is_floating_point():
        return True
    eight_bits = tensor.element_size() == 1  # isfinite knows none of these
    return all(bool(torch.isfinite(part.float() if eight_bits else part).all()) for (part,) in chunks(tensor))


def squared_norm(tensor: Tensor) -> float:
    """Return the sum of squares, in float64 (torch would copy the whole tensor for that)."""
    return sum(float(part.double().square().sum()) for (part,) in chunks(tensor))
