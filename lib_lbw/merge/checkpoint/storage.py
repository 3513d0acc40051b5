"""How a checkpoint stores its numbers: what can be read, and what is refused with a sentence.

8-bit floats can be read where each matrix comes with its scale: ComfyUI's `X.scale_weight` or `X.weight_scale` beside
`X.weight`; the value is the stored number times the scale. Without scales, and in 4 bits, too much was lost to add to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from lib_lbw.errors import CheckpointError
from lib_lbw.lora.header import TensorInfo

PICKLES = frozenset({".pt", ".pth", ".ckpt", ".bin", ".pkl"})
EIGHT_BITS = frozenset({"F8_E4M3", "F8_E5M2"})
FLOATS = frozenset({"F16", "BF16", "F32", "F64"})

_SCALES = ("scale_weight", "weight_scale")
_BESIDE = (*_SCALES, "scale_input", "input_scale", "comfy_quant")
_MARKER = "scaled_fp8"
_FOUR_BIT_SIGNS = (".absmax", ".quant_map", ".nested_absmax")
_NAMED = 3


def refuse_pickle(path: Path) -> None:
    """Raise CheckpointError, with the way out, for a file that is a pickle by its name."""
    if path.suffix.lower() in PICKLES:
        raise CheckpointError(
            "{path} is a pickle, and opening a pickle can run any program. Convert it to safetensors first: "
            "python -c \"import torch, safetensors.torch as s; t = torch.load('{name}', weights_only=True); "
            "t = t.get('state_dict', t); "
            "s.save_file({{k: v.clone() for k, v in t.items() if hasattr(v, 'shape')}}, '{stem}.safetensors')\"",
            **{"path": path, "name": path.name, "stem": path.stem},
        )


def scales_of(path: Path, tensors: Mapping[str, TensorInfo], layers: Iterable[str]) -> Mapping[str, str]:
    """Return tensor -> the tensor that holds its scale, for the `layers` of the file in 8 bits.

    Raises CheckpointError for 4 bits, for 8 bits without scales and for any other storage that is no plain float.
    """
    if any(name.endswith(_FOUR_BIT_SIGNS) or ".quant_state." in name for name in tensors):
        raise CheckpointError(
            "{path} is stored in 4 bits (NF4 or FP4), which can only be read, not added to. Take the fp16 file of this "
            "model.",
            path=path,
        )
    small = [name for name in layers if tensors[name].dtype in EIGHT_BITS]
    odd = [name for name in layers if tensors[name].dtype not in EIGHT_BITS | FLOATS]
    if odd:
        raise CheckpointError(
            "{path}: {keys} are stored as {dtype}, which is no float that can be added to.",
            **{"path": path, "keys": _some(odd), "dtype": tensors[odd[0]].dtype},
        )
    scales = {name: _scale_of(name, tensors) for name in small}
    lacking = [name for name, scale in scales.items() if not scale]
    if lacking:
        raise CheckpointError(
            "{path} stores {keys} in 8 bits without a scale: what a LoRA adds would be lost in the rounding. Take the "
            "fp16 file of this model.",
            **{"path": path, "keys": _some(lacking)},
        )
    return MappingProxyType(scales)


def is_scaling(name: str) -> bool:
    """Whether the tensor `name` only serves 8-bit storage, so that a file in wider numbers must not have it."""
    return name == _MARKER or name.rpartition(".")[2] in _BESIDE


def _scale_of(name: str, tensors: Mapping[str, TensorInfo]) -> str:
    stem = name.removesuffix("weight")
    return next((stem + end for end in _SCALES if stem + end in tensors), "")


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    named = ", ".join(names[:_NAMED])
    return f"{named} and {more} more" if more > 0 else named
