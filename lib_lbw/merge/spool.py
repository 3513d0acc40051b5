"""An unnamed file that holds finished tensors until all of them are known; any thread may write to it."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from types import TracebackType

import torch
from torch import Tensor

from lib_lbw.lora.header import ITEM_SIZES, TensorInfo
from lib_lbw.lora.storage import read_tensor
from lib_lbw.lora.writer import TensorSpec

_ORDER = tuple(ITEM_SIZES)


class Spool:
    """Tensors by key, in the bytes they will have in the file. It vanishes when it is closed, or the program is."""

    def __init__(self, folder: Path) -> None:
        """Open a spool in `folder`. Raises OSError."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._lock = Lock()
        self._places: dict[str, TensorInfo] = {}

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """Append the tensors; a key that is there already is replaced."""
        for key, tensor in tensors.items():
            spec = TensorSpec.of(key, tensor)
            raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            with self._lock:
                start = self._file.seek(0, 2)
                self._file.write(raw)
                self._places[key] = TensorInfo(key, spec.dtype, spec.shape, start, start + spec.nbytes)

    def get(self, key: str) -> Tensor:
        """Return the tensor as it is stored."""
        with self._lock:
            return read_tensor(self._file, self._places[key])

    def info(self, key: str) -> TensorInfo:
        """Return dtype, shape and place of the tensor."""
        return self._places[key]

    def drop(self, keys: Iterable[str]) -> None:
        """Forget the tensors."""
        for key in keys:
            del self._places[key]

    def layout(self) -> list[TensorSpec]:
        """Return what there is, in the order of the finished file: wider dtypes first, then by key."""
        specs = [TensorSpec(info.name, info.dtype, info.shape) for info in self._places.values()]
        return sorted(specs, key=lambda spec: (-_ORDER.index(spec.dtype), spec.name.encode()))
