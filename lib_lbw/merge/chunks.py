"""Looking through large tensors without a second one of their size."""

from collections.abc import Iterator

from torch import Tensor

_CHUNK = 1 << 18
"""Numbers looked at together."""


def chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Give the same stretch of each tensor, as views of those that lie in one piece."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    for start in range(0, flat[0].numel(), _CHUNK):
        yield tuple(each[start : start + _CHUNK] for each in flat)


def squared_norm(tensor: Tensor) -> float:
    """Return the sum of squares, in float64 (torch would copy the whole tensor for that)."""
    return sum(float(part.double().square().sum()) for (part,) in chunks(tensor))
