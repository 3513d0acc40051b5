"""What LoRAs add to one tensor of a checkpoint, in float32.

The parts act in the order of the rows. What is a plain sum (LoRA, LoHa, LoKr, full, norm) is added as it is; what is a
function of the weight (DoRA, OFT, BOFT, IA3, GLoRA) sees the weight that the rows before it have made, as in a WebUI.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from lib_lbw.errors import MergeError, UnsupportedLoraError
from lib_lbw.lora.delta import module_delta, module_factors
from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.parts import Part
from lib_lbw.merge.reading import read_finite
from lib_lbw.merge.sources import Opened

AnyTensor = TypeVar("AnyTensor")

BIAS_ROLES = ("bias", "diff_b", "b_norm")
_ONLY_BIAS = frozenset({*BIAS_ROLES, "alpha", "scale"})
_UNPROBED = frozenset({"ia3", "oft", "boft"})
"""Algorithms that look at numbers, so that shapes alone do not tell whether they fit."""


@dataclass(frozen=True)
class Term:
    """What `part` of a recipe adds to the layer of `slot`."""

    part: Part
    slot: Slot


def acts_on(module: LoraModule, role: str) -> bool:
    """Whether `module` changes the `role` ("weight" or "bias") of its layer."""
    if role == "bias":
        return any(name in module.tensors for name in BIAS_ROLES)
    return not module.tensors.keys() <= _ONLY_BIAS


def misfit(module: LoraModule, slot: Slot) -> str | None:
    """Return why `module` does not fit the layer of `slot`, told from shapes alone, or None."""
    if slot.role == "weight" and module.algorithm in _UNPROBED:
        return None
    tensors = {role: torch.empty(info.shape, device="meta") for role, info in module.tensors.items()}
    try:
        _dense(module, slot, tensors, torch.empty(slot.shape, device="meta"))
    except UnsupportedLoraError as error:
        return str(error)
    return None


def patched(tensor: Tensor, terms: Sequence[Term], opened: Sequence[Opened]) -> Tensor:
    """Return `tensor`, as the file stores it, with all `terms` added; float32 or wider, a tensor of its own.

    `opened` are the sources of the recipe. Raises MergeError for a term that does not fit, or holds NaN.
    """
    wide = tensor.to(torch.promote_types(tensor.dtype, torch.float32), copy=True)
    for term in terms:
        try:
            held = read_finite(term.part, opened)
            _add(term, term.slot.view(wide), {role: tensor.to(wide.device) for role, tensor in held.items()})
        except UnsupportedLoraError as error:
            lora = opened[term.part.source].file.name
            raise MergeError("{lora}: {reason}", lora=lora, reason=error) from error
    return wide


def _add(term: Term, target: Tensor, tensors: dict[str, Tensor]) -> None:
    module, scale = term.part.module, term.part.scale
    if term.slot.role == "weight" and not module.needs_base:
        factors = module_factors(module, tensors, dtype=torch.float32)
        matrix = target.flatten(1) if target.dim() > 1 else target
        if factors is not None and (len(factors.up), factors.down.shape[1]) == matrix.shape:
            up, down = (factor.to(target.dtype) for factor in (factors.up, factors.down))
            matrix.addmm_(up, down, alpha=scale)  # no delta in memory
            return
    target.add_(_dense(module, term.slot, tensors, target), alpha=scale)


def _dense(module: LoraModule, slot: Slot, tensors: dict[str, Tensor], base: Tensor) -> Tensor:
    """Return the delta in the shape of `base`, the layer's weight or bias. Raises UnsupportedLoraError."""
    dtype = base.dtype
    if slot.role == "bias":
        found = module_delta(_bias_only(module), _of_bias(tensors), base_bias=base, dtype=dtype).bias
        return _told(found, module, base)
    if module.needs_base:
        return _told(module_delta(module, tensors, base=base, dtype=dtype).weight, module, base)
    found = module_delta(module, tensors, dtype=dtype).weight
    return _told(found if found is None else _widened(found, slot), module, base)


def _widened(delta: Tensor, slot: Slot) -> Tensor:
    """Fill a delta of the first convolution with zeros for the further input channels of an inpainting model."""
    if slot.module.path != "conv_in" or delta.dim() != len(slot.shape) or len(slot.shape) != 4:
        return delta
    missing = slot.shape[1] - delta.shape[1]
    return torch.nn.functional.pad(delta, (0, 0, 0, 0, 0, missing)) if missing > 0 else delta


def _told(delta: Tensor | None, module: LoraModule, base: Tensor) -> Tensor:
    """Return `delta` shaped as `base`: a linear delta serves a 1x1 convolution, and a flat kernel is unfolded."""
    if delta is None or delta.shape[:1] != base.shape[:1] or delta.numel() != base.numel():
        raise UnsupportedLoraError(
            "{module}: it adds {found}, the layer has {layer}.",
            **{"module": module.spelled, "found": None if delta is None else list(delta.shape)},
            layer=list(base.shape),
        )
    return delta.reshape(base.shape)


def _bias_only(module: LoraModule) -> LoraModule:
    """Return the module as if it changed its bias alone, at the same strength; no base weight is needed for that."""
    return replace(module, algorithm="norm", dora=False, tensors=_of_bias(module.tensors), scale=module.strength)


def _of_bias(tensors: Mapping[str, AnyTensor]) -> dict[str, AnyTensor]:
    return {role: tensor for role, tensor in tensors.items() if role in BIAS_ROLES}
