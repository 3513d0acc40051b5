"""Which algorithm a set of tensor roles means, and which partners it needs.

Formats as written by kohya sd-scripts, LyCORIS 1-3, PEFT and diffusers. Nothing here needs torch.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lib_lbw.errors import LoraFileError, UnsupportedLoraError
from lib_lbw.lora.shapes import Tensors, check_shapes

# A need is a choice of sets: one of them must be there in full.
_NEEDS: Mapping[str, tuple[tuple[tuple[str, ...], ...], ...]] = MappingProxyType(
    {
        "lora": ((("lora_up", "lora_down"),),),
        "loha": ((("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),),),
        "lokr": ((("lokr_w1",), ("lokr_w1_a", "lokr_w1_b")), (("lokr_w2",), ("lokr_w2_a", "lokr_w2_b"))),
        "full": ((("diff",), ("diff_b",)),),
        "norm": ((("w_norm",), ("b_norm",)),),
        "ia3": ((("weight", "on_input"),),),
        "glora": ((("a1", "a2", "b1", "b2"),),),
        "oft": ((("oft_blocks",), ("oft_diag",)),),
        "boft": ((("oft_blocks",),),),
        "set": ((("set_weight",),),),
    }
)
_PREFIXES = (("lora_", "lora"), ("hada_", "loha"), ("lokr_", "lokr"), ("oft_", "oft"))
_SINGLE: Mapping[str, str] = MappingProxyType(
    {
        **{"diff": "full", "w_norm": "norm", "weight": "ia3", "on_input": "ia3", "rescale": "oft", "set_weight": "set"},
        **dict.fromkeys(("a1", "a2", "b1", "b2", "bm"), "glora"),
    }
)
_BIASES: Mapping[str, str] = MappingProxyType({"bias": "lora", "diff_b": "full", "b_norm": "norm"})
_TOGETHER = (("hada_t1", "hada_t2"),)
_REFUSED = ("lokr_t1", "reshape_weight")


def algorithm_of(spelled: str, tensors: Tensors) -> str:
    """Return the algorithm of the module written `spelled` that holds `tensors` (canonical role -> tensor).

    Raises LoraFileError for a missing partner or shapes that do not fit, UnsupportedLoraError for a mixture or a
    role that cannot be applied.
    """
    for role in _REFUSED:
        if role in tensors:
            raise UnsupportedLoraError("{module}: {role} is not supported.", module=spelled, role=role)
    algorithm = _named_by(spelled, tensors)
    _check_partners(spelled, algorithm, tensors)
    check_shapes(spelled, algorithm, tensors)
    return algorithm


def rank_of(algorithm: str, tensors: Tensors) -> int | None:
    """Return the rank that alpha is divided by: rows of the last factor; None where the algorithm has none."""
    if algorithm == "lora":
        return tensors["lora_down"].shape[0]
    if algorithm == "loha":
        return tensors["hada_w1_b"].shape[0]
    if algorithm == "lokr":
        pairs = [tensors[half + "_b"].shape[0] for half in ("lokr_w2", "lokr_w1") if half not in tensors]
        return pairs[0] if pairs else None
    if algorithm == "glora":
        return min(tensors["a1"].shape[:2])
    return None


def _named_by(spelled: str, tensors: Tensors) -> str:
    found = {_SINGLE.get(role) or next((a for start, a in _PREFIXES if role.startswith(start)), "") for role in tensors}
    found = (found - {""}) or {_BIASES[role] for role in tensors if role in _BIASES}
    if len(found) > 1:
        raise UnsupportedLoraError("{module} mixes {names}.", module=spelled, names=" and ".join(sorted(found)))
    if not found:
        raise LoraFileError("{module} has {roles} and no weight.", module=spelled, roles=_words(tensors))
    (algorithm,) = found
    blocks = tensors.get("oft_blocks")
    return "boft" if blocks is not None and len(blocks.shape) == 4 else algorithm


def _check_partners(spelled: str, algorithm: str, tensors: Tensors) -> None:
    for need in _NEEDS[algorithm]:
        closest = max(need, key=lambda roles: sum(role in tensors for role in roles) / len(roles))
        _check_all(spelled, closest, tensors)
    for roles in _TOGETHER:
        if any(role in tensors for role in roles):
            _check_all(spelled, roles, tensors)


def _check_all(spelled: str, roles: Iterable[str], tensors: Tensors) -> None:
    missing = [role for role in roles if role not in tensors]
    if missing:
        raise LoraFileError(
            "{module} has {roles} without {missing}.",
            **{"module": spelled, "roles": _words(tensors), "missing": _words(missing)},
        )


def _words(roles: Iterable[str]) -> str:
    return ", ".join(sorted(roles))
