"""Deltas of LoRA files, shaped for the layers of a model and remembered while there is room."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import UnsupportedLoraError
from lib_lbw.hosts.library import Library
from lib_lbw.hosts.parameters import Parameters, fitted
from lib_lbw.lora.delta import Delta, module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.module import LoraModule


@dataclass
class _Opened:
    """A file in use, and the modules of it that turned out not to fit."""

    file: LoraFile
    modules: Mapping[ModuleId, LoraModule]
    misfits: dict[ModuleId, str] = field(default_factory=dict)


class Deltas:
    """A delta source over files: `deltas(lora, module, base)`. The least recently used are forgotten first."""

    def __init__(self, room: int) -> None:
        """Remember at most `room` bytes of float32 deltas."""
        self._room = room
        self._held = 0
        self._library = Library()
        self._deltas: OrderedDict[tuple[str, ModuleId], Delta] = OrderedDict()
        self._files: dict[str, _Opened] = {}

    @property
    def held(self) -> int:
        """Bytes remembered now."""
        return self._held

    def refresh(self, lora: str) -> bool:
        """Open the file `lora`, or open it anew if it changed on disk; return whether it changed."""
        file = self._library.open(lora)
        known = self._files.get(lora)
        if known is not None and known.file is file:
            return False
        self._files[lora] = _Opened(file, {module.id: module for module in file.modules})
        for key in [key for key in self._deltas if key[0] == lora]:
            self._held -= _bytes(self._deltas.pop(key))
        return known is not None

    def file(self, lora: str) -> LoraFile:
        """Return the file `lora`, opened on first use."""
        return self._open(lora).file

    def misfits(self, lora: str) -> Mapping[ModuleId, str]:
        """Modules of `lora` that were asked for and did not fit their layer, each with what is wrong."""
        return MappingProxyType(self._open(lora).misfits)

    def __call__(self, lora: str, module: ModuleId, base: Parameters) -> Delta | None:
        """Return the delta of `module` in float32 on the device of `base`, or None where it does not fit."""
        key = (lora, module)
        known = self._deltas.get(key)
        if known is not None and _device(known) == base.weight.device:
            self._deltas.move_to_end(key)
            return known
        opened = self._open(lora)
        try:
            made = _shaped(module, _compute(opened, module, base), base)
        except UnsupportedLoraError as error:
            opened.misfits[module] = str(error)
            return None
        self._remember(key, made)
        return made

    def _open(self, lora: str) -> _Opened:
        if lora not in self._files:
            self.refresh(lora)
        return self._files[lora]

    def _remember(self, key: tuple[str, ModuleId], delta: Delta) -> None:
        """Keep `delta` if it fits in the room at all, and forget the oldest ones beyond it."""
        if key in self._deltas:
            self._held -= _bytes(self._deltas.pop(key))
        if _bytes(delta) > self._room:
            return
        self._deltas[key] = delta
        self._held += _bytes(delta)
        while self._held > self._room:
            self._held -= _bytes(self._deltas.popitem(last=False)[1])


def _compute(opened: _Opened, module: ModuleId, base: Parameters) -> Delta:
    """Read a module's tensors and compute its delta on the device of `base`."""
    found = opened.modules[module]
    tensors = opened.file.read(found, device=base.weight.device)
    if not found.needs_base:
        return module_delta(found, tensors, dtype=torch.float32)
    bias = None if base.bias is None else base.bias.float()
    return module_delta(found, tensors, base=base.weight.float(), base_bias=bias, dtype=torch.float32)


def _shaped(module: ModuleId, delta: Delta, base: Parameters) -> Delta:
    """Shape `delta` as `base`. Raises UnsupportedLoraError when it cannot be."""
    weight = delta.weight
    if weight is not None:
        weight = fitted(weight, base.weight.shape, widen=module.path == "conv_in")
    if (weight is None) != (delta.weight is None) or (
        delta.bias is not None and delta.bias.shape != base.weight.shape[:1]
    ):
        found = delta.weight if delta.weight is not None else delta.bias
        raise UnsupportedLoraError(
            "its shape is {found}, the layer's {layer}",
            found=() if found is None else tuple(found.shape),
            layer=tuple(base.weight.shape),
        )
    return Delta(weight, delta.bias)


def _bytes(delta: Delta) -> int:
    """Count the bytes of a delta."""
    return sum(tensor.nbytes for tensor in (delta.weight, delta.bias) if tensor is not None)


def _device(delta: Delta) -> torch.device | None:
    """Tell where a delta lies."""
    tensor = delta.weight if delta.weight is not None else delta.bias
    return None if tensor is None else tensor.device
