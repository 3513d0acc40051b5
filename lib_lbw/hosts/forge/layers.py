"""Parameters of a model, by dotted name."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

PLAIN = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""Types a weight can be computed in."""

MERGEABLE = (*PLAIN, torch.float8_e4m3fn, torch.float8_e5m2)
"""Types a weight can be rounded to after merging; the other quantised ones need their host's own code."""


class Place(NamedTuple):
    """A parameter: the layer that holds it and its name there."""

    layer: torch.nn.Module
    name: str

    @property
    def parameter(self) -> torch.nn.Parameter:
        """The parameter that is in force now."""
        found: torch.nn.Parameter = getattr(self.layer, self.name)
        return found

    def set(self, weight: torch.Tensor) -> None:
        """Put a weight in its place, as a parameter without gradient."""
        parameter = (
            weight if isinstance(weight, torch.nn.Parameter) else torch.nn.Parameter(weight, requires_grad=False)
        )
        setattr(self.layer, self.name, parameter)


def plain_place(model: Any, key: str, types: Sequence[torch.dtype] = PLAIN) -> Place | None:
    """Return where the parameter `key` of `model` is; None if there is none, or it is no ordinary one of `types`."""
    *path, name = key.split(".")
    layer = model
    for part in path:
        layer = getattr(layer, part, None)
    if not isinstance(layer, torch.nn.Module):
        return None
    weight = layer._parameters.get(name)
    if type(weight) is not torch.nn.Parameter or weight.dtype not in types:
        return None
    if getattr(weight, "gguf_cls", None) is not None or hasattr(weight, "bnb_quantized"):
        return None
    return Place(layer, name)
