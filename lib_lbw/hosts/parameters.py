"""The arithmetic of a layer's parameters: base + sum(scale x delta), summed wide and rounded once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Parameters:
    """Weight and bias of one layer, in the layer's dtype and on its device. `bias` is None where it has none."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    @classmethod
    def of(cls, layer: torch.nn.Module) -> "Parameters":
        """Take the tensors that `layer` holds now, without copying them."""
        weight, bias = layer.weight, getattr(layer, "bias", None)
        assert isinstance(weight, torch.nn.Parameter)
        return cls(weight.data, bias.data if isinstance(bias, torch.nn.Parameter) else None)

    def to(self, like: torch.Tensor) -> "Parameters":
        """Return the same values on the device and in the dtype of `like`."""
        return Parameters(self.weight.to(like), None if self.bias is None else self.bias.to(like))


Term = tuple[float, torch.Tensor]
"""A scale and the delta it multiplies."""


def merged(base: torch.Tensor, terms: Sequence[Term], out: torch.Tensor | None = None) -> torch.Tensor:
    """Return `base + sum(scale x delta)`, in `out` if given.

    The sum is taken in float32 (or in the dtype of `base`, if that is wider) from left to right, and rounded once
    into the dtype of `base`. `out` must be shaped and typed as `base`; `base` itself is never written.
    """
    out = torch.empty_like(base) if out is None else out
    if not terms:
        return out.copy_(base)
    (scale, delta), *rest = terms
    wide = torch.promote_types(base.dtype, torch.float32)
    total = out if wide == base.dtype else base.to(wide)
    torch.add(base if total is out else total, delta, alpha=scale, out=total)
    for scale, delta in rest:
        total.add_(delta, alpha=scale)
    return out if total is out else out.copy_(total)


def fitted(delta: torch.Tensor, shape: torch.Size, widen: bool) -> torch.Tensor | None:
    """Shape `delta` as a layer of `shape` needs it, or return None when it does not belong to such a layer.

    A linear delta serves a 1x1 convolution and the other way round, and a flattened kernel is unfolded. With `widen`,
    a delta for fewer input channels is filled with zeros: the input convolution of an inpainting model has five more
    channels than a LoRA knows.
    """
    if delta.shape == shape:
        return delta
    if delta.shape[:1] == shape[:1] and delta.numel() == shape.numel() and 2 in (delta.dim(), len(shape)):
        return delta.reshape(shape)
    if widen and len(shape) == delta.dim() == 4 and delta.shape[0] == shape[0] and delta.shape[2:] == shape[2:]:
        missing = shape[1] - delta.shape[1]
        return torch.nn.functional.pad(delta, (0, 0, 0, 0, 0, missing)) if missing > 0 else None
    return None
