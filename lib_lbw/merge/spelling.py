"""The names that tensors of the result have: those that trainers write, so that every host reads them.

A file made from one LoRA keeps the names it had. What is put together from several is spelled in U-Nets and text
encoders as sd-scripts spells it; the layers of a transformer, of which every trainer has its own spelling, as in the
first source.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from lib_lbw.errors import KeyNameError
from lib_lbw.lora.module import LoraModule

_KOHYA = frozenset({"lora_up", "lora_down", "lora_mid", "a1", "a2", "b1", "b2", "bm"})
_PEFT = {"lora_up": "lora_B.weight", "lora_down": "lora_A.weight"}
_TRANSFORMER = "transformer"
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


@dataclass(frozen=True)
class Style:
    """How a file spells the layers of its transformer: what stands before them, and what joins the parts of a name."""

    prefix: str = "lora_unet_"
    separator: str = "_"

    @classmethod
    def of(cls, modules: Iterable[LoraModule]) -> "Style":
        """Return the style of a file with these modules; that of sd-scripts where it has no transformer."""
        first = next((module for module in modules if module.id.component == _TRANSFORMER), None)
        if first is None:
            return cls()
        prefix, body = _cut(first)
        return cls(prefix, "." if "." in prefix + body else "_")

    def names(self, id: ModuleId) -> Names:
        """Return the names of a layer of the transformer."""
        return Names(self.prefix + id.path.replace(".", self.separator))

    def respelled(self, module: LoraModule) -> Names:
        """Return the names of a module, its own words kept where they are joined in the same way."""
        alike = ("." in module.spelled) == (self.separator == ".")
        return Names(self.prefix + _cut(module)[1]) if alike else self.names(module.id)


def _cut(module: LoraModule) -> tuple[str, str]:
    """Return what stands before the name of a layer of the transformer, and the name."""
    at = len(module.spelled) - len(module.id.path)  # a path differs from what is written only in what joins it
    return module.spelled[:at], module.spelled[at:]


def own_names(module: LoraModule) -> Names:
    """Return the names that the module has in its file."""
    return Names(module.spelled, tuple((role, info.name) for role, info in module.tensors.items()))


def common_names(module: LoraModule, family: Family, style: Style | None = None) -> Names:
    """Return the names for a module of several files, `module` being the first; `style` is that of transformers.

    A DoRA written by PEFT keeps its own: there the name of the magnitude says along which axis it counts.
    """
    magnitude = module.tensors.get("dora_scale")
    if magnitude is not None and "magnitude" in magnitude.name:
        return own_names(module)
    if module.id.component == _TRANSFORMER:
        return Names(module.spelled) if style is None else style.respelled(module)
    for dialect in _DIALECTS.get(family.id, ("kohya",)):
        try:
            return Names(spell(module.id, dialect, family))
        except KeyNameError:  # a layer that the LDM names do not know
            continue
    return Names(module.spelled)
