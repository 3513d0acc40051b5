"""Deltas as the tensors of a LoRA module, by role."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lib_lbw.lora.finite import all_finite
from lib_lbw.lora.header import TensorInfo
from lib_lbw.lora.module import LoraModule
from lib_lbw.lora.roles import algorithm_of, rank_of
from lib_lbw.merge.job import Job
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.terms import Term, dense

_NUMBERS = frozenset({"alpha", "scale"})


def term_roles(job: Job, term: Term | None) -> dict[str, Tensor]:
    """Return the tensors whose delta at strength 1 is `term`. Factors get alpha = rank, so that hosts add nothing."""
    if term is None:
        return {}
    shape = job.layer.shape
    if isinstance(term, LowRank):
        return {
            "lora_up": term.up.reshape(shape[0], term.rank, *[1] * (len(shape) - 2)),
            "lora_down": term.down.reshape(term.rank, *shape[1:]),
            "alpha": term.up.new_full((), float(term.rank), dtype=torch.float32),
        }
    if isinstance(term, Tensor) and term.ndim < 2:
        return {"w_norm" if _is_norm(job) else "diff": term}
    return {"diff": dense(term).reshape(shape)}


def bias_roles(job: Job, bias: Tensor | None) -> dict[str, Tensor]:
    """Return the tensor of a bias delta."""
    return {} if bias is None else {"b_norm" if _is_norm(job) else "diff_b": bias}


def cast(roles: Mapping[str, Tensor], dtype: torch.dtype, own: Mapping[str, torch.dtype]) -> dict[str, Tensor]:
    """Return the tensors in `dtype`, or in the one that `own` has for the role; alphas and whole numbers stay."""
    return {
        role: tensor.to(own.get(role, dtype)) if tensor.is_floating_point() and role not in _NUMBERS else tensor
        for role, tensor in roles.items()
    }


def finite(roles: Mapping[str, Tensor]) -> bool:
    """Tell whether no tensor holds NaN or an infinity."""
    return all(map(all_finite, roles.values()))


def as_module(job: Job, roles: Mapping[str, Tensor], infos: Mapping[str, TensorInfo]) -> LoraModule:
    """Return the module that a file with these tensors holds. Raises LoraFileError if they make none."""
    algorithm = algorithm_of(job.names.module, infos)
    alpha, scale = (float(roles[role]) if role in roles else None for role in ("alpha", "scale"))
    rank = rank_of(algorithm, infos)
    return LoraModule(job.id, job.names.module, algorithm, infos, rank, alpha, "dora_scale" in infos, scale)


def _is_norm(job: Job) -> bool:
    return all(part.module.algorithm == "norm" for part in job.parts)
