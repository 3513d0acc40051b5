"""Deltas stored as they are: full (`diff`), norm (`w_norm`), and `set_weight`, which replaces the weight."""

from collections.abc import Mapping

from torch import Tensor


def full(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """Return `diff` in the shape of the weight, or None when only a bias is changed."""
    return tensors.get("diff")


def norm(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """Return `w_norm` [channels], or None when only a bias is changed."""
    return tensors.get("w_norm")


def replacement(tensors: Mapping[str, Tensor], base: Tensor) -> Tensor:
    """Return set_weight - base, so that the layer ends at `set_weight`. Raises ValueError if the shapes differ."""
    weight = tensors["set_weight"]
    if weight.shape[:1] != base.shape[:1] or weight.numel() != base.numel():
        raise ValueError(f"set_weight is {list(weight.shape)}, the weight of the layer {list(base.shape)}")
    return weight.reshape(base.shape) - base
