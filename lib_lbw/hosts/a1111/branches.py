"""LoRA beside a layer instead of inside its weight: it can be switched at every step for nothing.

The branch gets the layer's input and adds up(down(x)) * alpha / rank * multiplier * ratio to its output, which is what
merging does, up to rounding.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lib_lbw.hosts.a1111.host import NetworkModule

_PLAIN = (nn.Linear, nn.Conv2d)


def can_branch(module: Any, layer: Any) -> bool:
    """Tell whether a module is a bare product of two matrices beside a plain layer of the same shape.

    Not so: other algorithms, DoRA (it needs the whole weight), a middle tensor, a bias, the host's cut rank (`dyn`),
    and the nine input channels of inpainting models.
    """
    down, up = getattr(module, "down_model", None), getattr(module, "up_model", None)
    if down is None or up is None or type(layer) not in _PLAIN or type(down) is not type(layer):
        return False
    odd = (module.dora_scale if hasattr(module, "dora_scale") else None, module.mid_model, module.bias)
    if any(part is not None for part in odd) or module.network.dyn_dim is not None:
        return False
    return (up.weight.shape[0], *down.weight.shape[1:]) == tuple(layer.weight.shape)


class Branch:
    """One module beside its layer, from when it is made until `remove`. It acts while `active` is true."""

    def __init__(self, module: NetworkModule, layer: nn.Module) -> None:
        self.active = False
        self._module: Any = module
        self._copies: tuple[torch.Tensor, torch.Tensor] | None = None
        self._handle = layer.register_forward_hook(self._add)

    def remove(self) -> None:
        """Take the branch off its layer and let go of its tensors."""
        self._handle.remove()
        self._copies = None

    def _add(self, _layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        if not self.active:
            return None
        x = inputs[0]
        down, up = self._on(x)
        scale: float = self._module.multiplier() * self._module.calc_scale()
        return output + (self._product(x, down, up) * scale).to(output.dtype)

    def _product(self, x: torch.Tensor, down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        if down.dim() == 2:
            return F.linear(F.linear(x, down), up)
        model = self._module.down_model
        return F.conv2d(F.conv2d(x, down, None, model.stride, model.padding, model.dilation), up)

    def _on(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both matrices where, and as what, the input is. The host's own stay where they are."""
        copies = self._copies
        if copies is None or copies[0].device != x.device or copies[0].dtype != x.dtype:
            down, up = self._module.down_model.weight, self._module.up_model.weight
            copies = self._copies = down.detach().to(x.device, x.dtype), up.detach().to(x.device, x.dtype)
        return copies
