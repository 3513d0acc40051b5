"""What a module adds to its layer at strength 1: the full delta, or exact low-rank factors of it.

The result is what the WebUI adds for the LoRA at prompt strength 1, whatever the algorithm. Computed in float32 or
float64 only: half precision loses the small differences this is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from lib_lbw.errors import NeedsBaseError, UnsupportedLoraError
from lib_lbw.lora.algorithms import dense, dora, glora, ia3, loha, lokr, lora, oft
from lib_lbw.lora.module import LoraModule

_Tensors = Mapping[str, Tensor]

_PLAIN: Mapping[str, Callable[[_Tensors], Tensor | None]] = MappingProxyType(
    {"lora": lora.delta, "loha": loha.delta, "lokr": lokr.delta, "full": dense.full, "norm": dense.norm}
)
_ON_BASE: Mapping[str, Callable[[_Tensors, Tensor], Tensor]] = MappingProxyType(
    {"ia3": ia3.delta, "glora": glora.delta, "set": dense.replacement}
)
_ROTATIONS: Mapping[str, Callable[[_Tensors, Tensor, float | None], Tensor]] = MappingProxyType(
    {"oft": oft.delta, "boft": oft.butterfly_delta}
)
_FACTORS: Mapping[str, Callable[[_Tensors], tuple[Tensor, Tensor]]] = MappingProxyType(
    {"lora": lora.factors, "loha": loha.factors, "lokr": lokr.factors}
)
_COMPUTE_DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Delta:
    """What is added to a layer: `weight` in the shape of its weight, `bias` [out]; None where nothing is added."""

    weight: Tensor | None
    bias: Tensor | None


@dataclass(frozen=True)
class Factors:
    """`up` [out, R] . `down` [R, in*kh*kw] is the flattened weight delta; strength is in `up`. `bias` as in Delta."""

    up: Tensor
    down: Tensor
    bias: Tensor | None = None


def module_delta(
    module: LoraModule,
    tensors: _Tensors,
    *,
    base: Tensor | None = None,
    base_bias: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Delta:
    """Return what `module` adds at strength 1, in `dtype` (float32 or float64), on the device of the tensors.

    `tensors` as LoraFile.read gives them. With `base`, the layer's weight, the delta has its shape; without it
    [out, in, *kernel] as far as the file tells (a LoHa or LoKr that flattens its kernel stays [out, in * kernel]).
    Raises NeedsBaseError when the algorithm needs the base, UnsupportedLoraError when the shapes do not fit it.
    """
    t = _cast(tensors, dtype)
    try:
        bias = _bias(module, t, base_bias)
        if base is None:
            return Delta(_free_weight(module, t), bias)
        return Delta(_weight_on(module, t, base.to(dtype)), bias)
    except ValueError as error:
        raise UnsupportedLoraError("{module}: {reason}.", module=module.spelled, reason=error) from error


def module_factors(module: LoraModule, tensors: _Tensors, *, dtype: torch.dtype) -> Factors | None:
    """Return exact low-rank factors of the delta, in `dtype` (float32 or float64).

    A LoRA or LoCon always has them. A LoHa or LoKr has them if they are smaller than the delta itself. None for the
    other algorithms and for DoRA.
    """
    if module.algorithm not in _FACTORS or module.dora:
        return None
    factors = _FACTORS[module.algorithm]
    if module.algorithm != "lora":
        left, right = factors({role: tensor.to("meta") for role, tensor in tensors.items()})
        if left.numel() + right.numel() >= left.shape[0] * right.shape[1]:
            return None
    t = _cast(tensors, dtype)
    left, right = factors(t)
    return Factors(left * module.strength, right, _bias(module, t, None))


def _cast(tensors: _Tensors, dtype: torch.dtype) -> dict[str, Tensor]:
    if dtype not in _COMPUTE_DTYPES:
        raise ValueError(f"deltas are computed in float32 or float64, not {dtype}")
    return {role: tensor.to(dtype) for role, tensor in tensors.items()}


def _bias(module: LoraModule, t: _Tensors, base_bias: Tensor | None) -> Tensor | None:
    """Return the bias delta: `bias` belongs to the up factor and shares its strength, the others stand alone."""
    parts = [t["bias"].flatten() * module.strength] if "bias" in t else []
    parts += [t[role].flatten() for role in ("diff_b", "b_norm") if role in t]
    if len({part.numel() for part in parts} | ({base_bias.numel()} if parts and base_bias is not None else set())) > 1:
        raise ValueError("its biases and the bias of the layer differ in length")
    return sum(parts[1:], parts[0]) if parts else None


def _free_weight(module: LoraModule, t: _Tensors) -> Tensor | None:
    if module.needs_base:
        name = "DoRA" if module.dora else module.algorithm
        raise NeedsBaseError("{module}: {algorithm} needs the base weight.", module=module.spelled, algorithm=name)
    plain = _PLAIN[module.algorithm](t)
    return None if plain is None else plain * module.strength


def _weight_on(module: LoraModule, t: _Tensors, base: Tensor) -> Tensor | None:
    if base.ndim == 0:
        raise ValueError("the weight of the layer is a single number")
    if module.algorithm in _ROTATIONS:
        weight = _ROTATIONS[module.algorithm](t, base, module.constraint)
    elif module.algorithm in _ON_BASE:
        weight = _ON_BASE[module.algorithm](t, base) * module.strength
    else:
        plain = _PLAIN[module.algorithm](t)
        if plain is None:
            return None
        if plain.shape[:1] != base.shape[:1] or plain.numel() != base.numel():
            raise ValueError(f"its delta is {list(plain.shape)}, the weight of the layer {list(base.shape)}")
        weight = plain.reshape(base.shape) * module.strength
    if not module.dora:
        return weight
    return dora.delta(base, weight, t["dora_scale"], peft="magnitude" in module.tensors["dora_scale"].name)
