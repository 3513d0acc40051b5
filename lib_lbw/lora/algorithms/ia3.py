"""(IA)^3 (Liu 2022, arXiv 2205.05638): every output row, or every input column, is scaled by 1 + weight."""

from collections.abc import Mapping

from torch import Tensor


def axis(tensors: Mapping[str, Tensor]) -> int:
    """Return the axis of the layer's weight that is scaled: 1 (inputs) if `on_input`, else 0 (outputs)."""
    return 1 if bool(tensors["on_input"].any()) else 0


def delta(tensors: Mapping[str, Tensor], base: Tensor) -> Tensor:
    """Return base * weight; `weight` is [n], or [1, n, 1, 1] for a convolution, on either axis.

    Raises ValueError if the count is another.
    """
    weight, scaled = tensors["weight"], axis(tensors)
    if base.ndim <= scaled or weight.numel() != base.shape[scaled]:
        raise ValueError(f"{weight.numel()} factors do not fit axis {scaled} of a weight of shape {list(base.shape)}")
    shape = [1] * base.ndim
    shape[scaled] = -1
    return base * weight.reshape(shape)
