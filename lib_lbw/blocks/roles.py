"""The part a tensor plays in its module, from the end of its key; one canonical role for every spelling."""

from __future__ import annotations

import re
from difflib import get_close_matches

from lib_lbw.errors import KeyNameError

_LORA = ("alpha", "scale", "dora_scale", "bias", "reshape_weight")
_LOHA = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")
_LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t1", "lokr_t2")
_DENSE = ("diff", "diff_b", "w_norm", "b_norm", "set_weight", "weight", "on_input", "oft_blocks", "oft_diag", "rescale")
_LAYERS = ("lora_up", "lora_down", "lora_mid", "a1", "a2", "b1", "b2", "bm")
_ROLES = {
    **{role: role for role in (*_LORA, *_LOHA, *_LOKR, *_DENSE)},
    **{f"{role}.weight": role for role in _LAYERS},
    "lora_up.bias": "bias",
}
_PEFT = {"lora_A": "lora_down", "lora_B": "lora_up", "lora_magnitude_vector": "dora_scale"}
_PEFT_TAIL = 2
"""At most an adapter name and "weight" follow the name of a PEFT tensor."""

_OLD_DIFFUSERS = re.compile(r"(.+?)(?:_lora|\.lora|\.lora_linear_layer|(?<=_lora[12]))\.(down|up)\.weight")
_BARE = ("positional_embedding", "text_projection")
"""Parameters of OpenCLIP whose key is the name itself."""

ROLES = tuple(dict.fromkeys(_ROLES.values()))
"""Every canonical role."""


def split_key(key: str, *, flat: bool) -> tuple[str, str]:
    """Return (module name as spelled, role). `flat`: the module name has no point, as after `lora_unet_`.

    Raises KeyNameError when the end of the key is no role.
    """
    parts = key.split(".")
    found = _old_diffusers(key) or _peft(parts) or _suffix(parts, flat=flat) or _bare(key, parts)
    if found is not None:
        return found
    tails = (".".join(parts[1:]), ".".join(parts[-2:]), parts[-1])
    near = [close for tail in tails for close in get_close_matches(tail, _ROLES, 1)]
    if len(parts) > 1 and near:
        text = "{key!r} ends in no known kind of tensor; the nearest is {nearest!r}"
        raise KeyNameError(text, key=key, nearest=near[0])
    raise KeyNameError("{key!r} ends in no known kind of tensor", key=key)


def _old_diffusers(key: str) -> tuple[str, str] | None:
    """Read `to_q_lora.down.weight`, `to_q.lora[_linear_layer].down.weight`, and XLabs' `qkv_lora1.down.weight`."""
    if not key.endswith((".down.weight", ".up.weight")):
        return None
    found = _OLD_DIFFUSERS.fullmatch(key)
    return (found[1], f"lora_{found[2]}") if found else None


def _peft(parts: list[str]) -> tuple[str, str] | None:
    """Read `lora_A[.ADAPTER][.weight]` and its like; `lora_B.bias` is the bias."""
    for index in range(len(parts) - 1, max(len(parts) - 2 - _PEFT_TAIL, 0), -1):
        role = _PEFT.get(parts[index])
        if role is None:
            continue
        tail = parts[index + 1 :]
        if role == "lora_up" and tail[-1:] == ["bias"]:
            role = "bias"
        elif len(tail) == _PEFT_TAIL and tail[-1] != "weight":
            return None
        return ".".join(parts[:index]), role
    return None


def _suffix(parts: list[str], *, flat: bool) -> tuple[str, str] | None:
    for size in (2, 1):
        role = _ROLES.get(".".join(parts[-size:]))
        left = len(parts) - size
        if role is not None and left > 0 and not (flat and left > 1):
            return ".".join(parts[:-size]), role
    return None


def _bare(key: str, parts: list[str]) -> tuple[str, str] | None:
    """Read the parameters of a checkpoint that are named without a layer: in_proj_weight, text_projection."""
    if parts[-1] in _BARE:
        return key, "weight"
    for role in ("weight", "bias"):
        if parts[-1] == f"in_proj_{role}":
            return key.removesuffix(f"_{role}"), role
    return None
