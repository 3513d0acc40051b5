"""A checkpoint on disk: its layers known by their ids, its tensors read one at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from torch import Tensor

from lib_lbw.blocks.detect import detect_family
from lib_lbw.blocks.family import Family
from lib_lbw.blocks.keys import parse_key
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import CheckpointError, FamilyError, KeyNameError, LoraFileError
from lib_lbw.lora.finite import all_finite
from lib_lbw.lora.header import Header, TensorInfo, read_header
from lib_lbw.lora.storage import read_tensor
from lib_lbw.merge.checkpoint.names import Slot, is_bare_unet, slots_of
from lib_lbw.merge.checkpoint.storage import refuse_pickle, scales_of

_REFINER = "conditioner.embedders.0.model."
_FAMILIES = ("sd1", "sd2", "sdxl")
_UP = "lora_up"


class Checkpoint:
    """A single-file checkpoint of SD 1, SD 2 or SDXL. Opening reads the header; nothing changes afterwards.

    `slots`: (layer, "weight" or "bias") -> where it lies. `held`: tensor -> its slots; the tensors of no layer (VAE,
    EMA, schedule) are not among its keys. `scales`: tensor in 8 bits -> the tensor of its scale.
    """

    def __init__(self, path: str | Path) -> None:
        """Open `path`. Raises CheckpointError: a pickle, no safetensors, a LoRA, another model, 4 or bare 8 bits."""
        self.path: Final = Path(path)
        refuse_pickle(self.path)
        self.header: Final[Header] = _header(self.path)
        self._stamp: Final = _stamp(self.path.stat())
        bare = is_bare_unet(self.header.tensors)
        held = {name: slots_of(info, bare=bare) for name, info in self.header.tensors.items()}
        self.held: Final[Mapping[str, tuple[Slot, ...]]] = MappingProxyType({n: s for n, s in held.items() if s})
        self.family: Final = _family(self.path, self.header, self.held)
        self.scales: Final = scales_of(self.path, self.header.tensors, self.held)
        self.slots: Final = _by_layer(self.path, self.held)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r})"

    @property
    def components(self) -> frozenset[str]:
        """The parts it holds: "unet", "te1", "te2"."""
        return frozenset(module.component for module, _ in self.slots)

    @property
    def in_eight_bits(self) -> bool:
        """Whether layers are stored in 8 bits."""
        return bool(self.scales)

    def read(self, slot: Slot) -> Tensor:
        """Return the part of `slot`, shaped as its layer; 8 bits come as float32, all else as stored.

        Raises CheckpointError when the file was changed since, or holds NaN or an infinity there.
        """
        info = self.header.tensors[slot.tensor]
        if slot.tensor in self.scales:
            return slot.view(self.tensor(slot.tensor))
        tensor = self._finite(self._read(slot.stored(info)), slot.tensor)
        return tensor.T if slot.transposed else tensor

    def tensor(self, name: str) -> Tensor:
        """Return the whole tensor `name` as `read` does."""
        tensor = self._finite(self._read(self.header.tensors[name]), name)
        if name not in self.scales:
            return tensor
        scale = self._read(self.header.tensors[self.scales[name]]).float().flatten()
        try:
            return tensor.float().mul_(scale.reshape(-1, *[1] * (tensor.dim() - 1)))
        except RuntimeError as error:
            raise CheckpointError("{path}: the scale of {key} does not fit it.", path=self.path, key=name) from error

    def raw(self, name: str) -> bytes:
        """Return the bytes of the tensor `name` as they lie in the file."""
        info = self.header.tensors[name]
        with self._open() as stream:
            stream.seek(info.start)
            return stream.read(info.end - info.start)

    def _read(self, info: TensorInfo) -> Tensor:
        try:
            with self._open() as stream:
                return read_tensor(stream, info)
        except (OSError, LoraFileError) as error:
            raise CheckpointError("{path} cannot be read: {reason}", path=self.path, reason=error) from error

    def _open(self) -> BinaryIO:
        stream = self.path.open("rb")
        if _stamp(os.fstat(stream.fileno())) != self._stamp:
            stream.close()
            raise CheckpointError("{path} was changed since it was opened.", path=self.path)
        return stream

    def _finite(self, tensor: Tensor, name: str) -> Tensor:
        if not all_finite(tensor):
            raise CheckpointError("{path}: {key} holds NaN or an infinity.", path=self.path, key=name)
        return tensor


def _header(path: Path) -> Header:
    if path.is_dir():
        raise CheckpointError("{path} is a folder; the single file of a checkpoint is needed.", path=path)
    try:
        return read_header(path)
    except LoraFileError as error:
        raise CheckpointError("{reason}", reason=error) from error


def _family(path: Path, header: Header, held: Mapping[str, tuple[Slot, ...]]) -> Family:
    """Tell the family from the layers alone, refusing what is no Stable Diffusion checkpoint."""
    if any(name.startswith(_REFINER) for name in header.tensors):
        raise CheckpointError("{path} is an SDXL refiner; its LoRAs are those of a base model.", path=path)
    if not held:
        if any(_is_lora_key(name) for name in header.tensors):
            raise CheckpointError("{path} is a LoRA, not a checkpoint.", path=path)
        raise CheckpointError("{path} is no checkpoint of SD 1, SD 2 or SDXL.", path=path)
    try:
        family = detect_family({name: header.tensors[name].shape for name in held}).family
    except FamilyError as error:
        raise CheckpointError("{path}: {reason}", path=path, reason=error) from error
    if family.id not in _FAMILIES:
        raise CheckpointError("{path} is a {family}; only SD 1, SD 2 and SDXL are.", path=path, family=family.title)
    return family


def _is_lora_key(name: str) -> bool:
    try:
        return parse_key(name).role == _UP
    except KeyNameError:
        return False


def _by_layer(path: Path, held: Mapping[str, tuple[Slot, ...]]) -> Mapping[tuple[ModuleId, str], Slot]:
    found: dict[tuple[ModuleId, str], Slot] = {}
    for slots in held.values():
        for slot in slots:
            first = found.setdefault((slot.module, slot.role), slot)
            if first is not slot:
                raise CheckpointError(
                    "{path}: {first} and {second} are the same layer.",
                    **{"path": path, "first": first.tensor, "second": slot.tensor},
                )
    return MappingProxyType(found)


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
