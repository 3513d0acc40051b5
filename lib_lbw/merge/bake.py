"""A weight put into one module without changing what it is: alpha carries it where the algorithm has one.

Hosts multiply a LoRA, a LoHa or a decomposed LoKr with alpha / rank, so its tensors stay as they are bit for bit and
only alpha changes. A negative weight turns the sign of one factor, never of alpha (diffusers loops forever on a
negative alpha, sd-scripts takes its root). Two full LoKr matrices have no alpha that counts. IA3, GLoRA, full and norm
are linear in the tensors named in `_LINEAR`. Rotations, DoRA and replaced weights know on and off only.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from lib_lbw.lora.module import LoraModule

_SIGNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"lora": ("lora_up", "bias"), "loha": ("hada_w1_a",), "lokr": ("lokr_w1", "lokr_w1_a")}
)
_LINEAR: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{"lokr": ("lokr_w1",), "full": ("diff",), "norm": ("w_norm",), "ia3": ("weight",)},
        "glora": ("a1", "b1"),  # the two factors that occur once in each half, in either order
    }
)
_ON_OR_OFF = frozenset({"oft", "boft", "set"})
_BIASES = ("diff_b", "b_norm")


def bakeable(module: LoraModule, scale: float) -> bool:
    """Tell whether `scale` can be put into the module without knowing the layer's weight."""
    return scale == 1 or not (module.dora or module.algorithm in _ON_OR_OFF)


def bake(module: LoraModule, tensors: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Return the tensors by role whose delta is `scale` times that of `module`. `scale` is bakeable and not 0.

    A tensor that has to change comes in float64, to be rounded once when it is stored; the others are those given.
    """
    if module.algorithm in _ON_OR_OFF:
        return dict(tensors)
    biases = _times(tensors, _BIASES, scale)
    if module.algorithm in _SIGNED and module.rank is not None:
        return {**tensors, **biases, **_by_alpha(module, module.rank, tensors, scale)}
    if module.algorithm == "glora":  # its alpha is not read by every host, and stays
        return {**tensors, **biases, **_times(tensors, _LINEAR["glora"], scale)}
    kept = {role: tensor for role, tensor in tensors.items() if role != "scale"}
    return {**kept, **biases, **_times(tensors, _LINEAR[module.algorithm], scale * module.strength)}


def _by_alpha(module: LoraModule, rank: int, tensors: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Return alpha as a single float32, which every host reads exactly, and what turns its sign."""
    own = module.scale * rank if module.scale is not None else rank if module.alpha is None else module.alpha
    alpha = scale * own
    turned = _times(tensors, _SIGNED[module.algorithm], -1.0) if alpha < 0 else {}
    return {**turned, "alpha": torch.tensor(abs(alpha), dtype=torch.float32)}


def _times(tensors: Mapping[str, Tensor], roles: tuple[str, ...], factor: float) -> dict[str, Tensor]:
    return {role: tensors[role].double() * factor for role in roles if role in tensors and factor != 1}
