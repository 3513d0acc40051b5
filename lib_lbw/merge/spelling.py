"""The names that tensors of the result have: those that trainers write, so that every host reads them.

A file made from one LoRA keeps the names it had. What is put together from several is spelled in U-Nets and text
encoders as sd-scripts spells it; the layers of a transformer, whose names no rule joins, as in the first source.
"""

from dataclasses import dataclass

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.spell import spell
from lib_lbw.errors import KeyNameError
from lib_lbw.lora.module import LoraModule

_KOHYA = frozenset({"lora_up", "lora_down", "lora_mid", "a1", "a2", "b1", "b2", "bm"})
_PEFT = {"lora_up": "lora_B.weight", "lora_down": "lora_A.weight"}
_DIALECTS = {"sdxl": ("kohya_ldm", "kohya")}


@dataclass(frozen=True)
class Names:
    """How the tensors of one module are called: `module` with a role behind, or as `kept` says."""

    module: str
    kept: tuple[tuple[str, str], ...] = ()

    def key(self, role: str) -> str:
        """Return the key of the tensor that plays `role`."""
        return dict(self.kept).get(role) or f"{self.module}.{self._suffix(role)}"

    def _suffix(self, role: str) -> str:
        if "." in self.module and role in _PEFT:
            return _PEFT[role]
        return f"{role}.weight" if role in _KOHYA else role


def own_names(module: LoraModule) -> Names:
    """Return the names that the module has in its file."""
    return Names(module.spelled, tuple((role, info.name) for role, info in module.tensors.items()))


def common_names(module: LoraModule, family: Family) -> Names:
    """Return the names for a module of several files, `module` being the first.

    A DoRA written by PEFT keeps its own: there the name of the magnitude says along which axis it counts.
    """
    magnitude = module.tensors.get("dora_scale")
    if magnitude is not None and "magnitude" in magnitude.name:
        return own_names(module)
    if module.id.component == "transformer":
        return Names(module.spelled)
    for dialect in _DIALECTS.get(family.id, ("kohya",)):
        try:
            return Names(spell(module.id, dialect, family))
        except KeyNameError:  # a layer that the LDM names do not know
            continue
    return Names(module.spelled)
