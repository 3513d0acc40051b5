"""From the key of a tensor in a file to the module it belongs to and the part it plays there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.names import is_flat, parse_module
from lib_lbw.blocks.roles import split_key


@dataclass(frozen=True)
class TensorKey:
    """One key: `module`, the canonical `role` of the tensor, and the module name as the file spells it."""

    module: ModuleId
    role: str
    spelled: str


@lru_cache(maxsize=65536)
def parse_key(key: str) -> TensorKey:
    """Return what the key of a tensor says. The role is one of `roles.ROLES`; PEFT's lora_A is "lora_down".

    Keys of a full checkpoint have the roles "weight" and "bias". Raises KeyNameError when the end of the key is no
    role or the rest no module name.
    """
    name, role = split_key(key, flat=is_flat(key))
    return TensorKey(parse_module(name), role, name)
