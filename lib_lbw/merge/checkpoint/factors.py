"""The tensors that hold the difference of one layer in a LoRA, and how much of it they hold."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.lora.storage import TORCH_DTYPES
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.chunks import squared_norm
from lib_lbw.merge.distance import Distance, between
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.numbers.measures import rounding_error
from lib_lbw.merge.numbers.ranks import Fixed
from lib_lbw.merge.numbers.reduce import decompose
from lib_lbw.merge.numbers.svd import Truncated
from lib_lbw.merge.precision import BOUNDS
from lib_lbw.merge.recipe import STORED, DType, Ranks


@dataclass(frozen=True)
class Made:
    """Tensors by role, how far they are from the difference, and their rank; None where they are no factors.

    `rounding`: |stored - factors| / |factors|, what storing alone has changed.
    """

    tensors: Mapping[str, Tensor]
    distance: Distance
    rank: int | None = None
    rounding: float = 0.0


def made_of(slot: Slot, difference: Tensor, ranks: Ranks, wanted: DType) -> Made:
    """Return what stands in the file for `difference`, shaped as the slot: factors of a matrix, or itself.

    `wanted` "auto" is float16, and float32 where that loses more than it should (a very small difference).
    """
    exact = _factors(slot, difference, ranks) if slot.role == "weight" and difference.dim() > 1 else None
    for dtype in ("F16", "F32") if wanted == "auto" else (STORED[wanted],):
        made = _stored(slot, difference, exact, TORCH_DTYPES[dtype])
        rounding = made.distance.error if exact is None else made.rounding
        if rounding <= BOUNDS[dtype]:
            break
    return made


def _stored(slot: Slot, difference: Tensor, exact: Truncated | None, dtype: torch.dtype) -> Made:
    if exact is None:
        return Made({_role(slot): difference.to(dtype)}, between(difference.to(dtype), difference.double()))
    out, inner, *kernel = difference.shape
    rank, factors = exact.factors.rank, exact.factors.to(dtype)
    rounding = rounding_error(factors, exact.factors)
    energy = squared_norm(difference)
    tensors = {
        "lora_up": factors.up.reshape(out, rank, *[1] * len(kernel)),
        "lora_down": factors.down.reshape(rank, inner, *kernel),
        "alpha": torch.tensor(float(rank)),
    }
    return Made(tensors, Distance(energy * (exact.error**2 + exact.kept * rounding**2), energy), rank, rounding)


def _role(slot: Slot) -> str:
    if not _is_norm(slot):
        return "diff_b"
    return "w_norm" if slot.role == "weight" else "b_norm"


def _factors(slot: Slot, difference: Tensor, ranks: Ranks) -> Truncated:
    conv = any(side > 1 for side in difference.shape[2:])
    matrix = difference.flatten(1)
    cap = ranks.cap(slot.module, conv=conv)
    cap = min(matrix.shape) if cap is None else min(cap, *matrix.shape)
    rule = ranks.rule
    if isinstance(rule, Fixed):
        cap, rule = min(cap, rule.rank(torch.ones(cap))), None
    found = decompose(matrix, None if rule is not None else cap, seed_of(str(slot.module)))
    return found.cut(cap if rule is None else min(cap, rule.rank(found.singular)))


def _is_norm(slot: Slot) -> bool:
    return slot.module.path.rpartition(".")[2].startswith(("norm", "layer_norm", "conv_norm", "final_layer_norm"))
