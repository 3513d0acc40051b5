"""Which tensor of a Stable Diffusion checkpoint holds which weight or bias.

Single files in the original layout (LDM U-Net, CLIP or OpenCLIP text encoders) and in that of diffusers. OpenCLIP keeps
q, k and v of a layer in one matrix, one below the other (`in_proj_weight`), and multiplies its text projection from
the other side; both are told here once, so that whoever asks for a layer gets it as Hugging Face names and shapes it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib_lbw.blocks.keys import TensorKey, parse_key
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import KeyNameError
from lib_lbw.lora.header import TensorInfo

if TYPE_CHECKING:
    from torch import Tensor

COMPONENTS = ("unet", "te1", "te2")
PREFIXES = (
    "model.diffusion_model.",
    "cond_stage_model.transformer.",
    "cond_stage_model.model.",
    "conditioner.embedders.0.transformer.",
    "conditioner.embedders.1.model.",
    "unet.",
    "text_encoder.",
    "text_encoder_2.",
    "text_encoders.clip_l.transformer.",
    "text_encoders.clip_g.transformer.",
)
"""Beginnings of the names of U-Net and text encoders; what begins otherwise (VAE, EMA, schedule) is no layer here."""

_BARE_SIGNS = ("conv_in.weight", "down_blocks.0.resnets.0.conv1.weight")
_FUSED = ".in_proj"
_FUSED_PARTS = ("q_proj", "k_proj", "v_proj")
_PROJECTION = "text_projection"


@dataclass(frozen=True)
class Slot:
    """Where the `role` ("weight" or "bias") of a layer lies: in `tensor`, whole or in rows from `first` on.

    `shape` is the layer's own. `transposed`: the file has the matrix the other way round.
    """

    module: ModuleId
    role: str
    tensor: str
    shape: tuple[int, ...]
    first: int = 0
    transposed: bool = False

    def view(self, tensor: Tensor) -> Tensor:
        """Return the layer's part of `tensor`, the whole tensor of the file; writing to it writes to `tensor`."""
        return tensor.T if self.transposed else tensor[self.first : self.first + self.shape[0]]

    def stored(self, info: TensorInfo) -> TensorInfo:
        """Return the bytes of `info`, the whole tensor of the file, that hold this part; still the file's way round."""
        if self.transposed or not info.shape:
            return info
        row = (info.end - info.start) // max(info.shape[0], 1)
        start = info.start + self.first * row
        return TensorInfo(info.name, info.dtype, self.shape, start, start + self.shape[0] * row)


def is_bare_unet(names: Container[str]) -> bool:
    """Whether the tensor `names` are those of a U-Net of diffusers in a file of its own, which have no prefix."""
    return all(sign in names for sign in _BARE_SIGNS)


def slots_of(info: TensorInfo, *, bare: bool = False) -> tuple[Slot, ...]:
    """Return what lies in the tensor of `info`: one slot, three in a fused one, none where it is no layer's.

    `bare`: names without a prefix count as a U-Net's.
    """
    if not (bare or info.name.startswith(PREFIXES)):
        return ()
    try:
        key = parse_key(info.name)
    except KeyNameError:
        return ()
    if key.module.component not in COMPONENTS or key.role not in ("weight", "bias") or not info.shape:
        return ()
    return tuple(_slots(key, info))


def _slots(key: TensorKey, info: TensorInfo) -> Iterator[Slot]:
    if key.module.path.endswith(_FUSED):
        yield from _fused(key, info)
    elif info.name.endswith(_PROJECTION):
        yield Slot(key.module, key.role, info.name, info.shape[::-1], transposed=True)
    else:
        yield Slot(key.module, key.role, info.name, info.shape)


def _fused(key: TensorKey, info: TensorInfo) -> Iterator[Slot]:
    rows, rest = divmod(info.shape[0], len(_FUSED_PARTS))
    stem = key.module.path.removesuffix(_FUSED.removeprefix("."))
    for number, part in enumerate(_FUSED_PARTS if not rest else ()):
        module = ModuleId(key.module.component, stem + part)
        yield Slot(module, key.role, info.name, (rows, *info.shape[1:]), first=number * rows)
