"""In which precision the result is stored."""

from collections.abc import Iterable

from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.recipe import STORED, DType

_WIDE = frozenset({"F32", "F64"})
_NO_FACTOR = frozenset({"alpha", "scale", "on_input"})
BOUNDS = {"F32": 1e-6, "F16": 2e-3, "BF16": 1.6e-2}
"""The greatest error of an exact result that storing may cause, relative to a module's delta: four times the rms."""


def common_dtype(wanted: DType, modules: Iterable[LoraModule]) -> str:
    """Return the safetensors dtype of what is computed anew.

    auto: the widest of what goes in; float16 and bfloat16 together, and anything narrower, make float16.
    """
    if wanted != "auto":
        return STORED[wanted]
    found = {info.dtype for m in modules for role, info in m.tensors.items() if role not in _NO_FACTOR}
    if found & _WIDE:
        return "F32"
    return "BF16" if found == {"BF16"} else "F16"
