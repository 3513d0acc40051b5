"""Writing safetensors: the same tensors give the same bytes, one tensor in memory at a time, all or nothing.

Tensors lie in the order of the reference implementation (wider dtypes first, then by name), the header is padded with
blanks to eight bytes and its metadata is sorted. `sshs_model_hash`, which WebUIs take for the identity of a LoRA, is
the sha256 of the payload, patched into the header at the end. The file appears under its name only when complete.
"""

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from lib_lbw.errors import LoraFileError
from lib_lbw.lora.atomic import replacing, told_as_lora_errors
from lib_lbw.lora.finite import all_finite
from lib_lbw.lora.header import ITEM_SIZES, TensorInfo, read_header
from lib_lbw.lora.seal import Seal, Sealing
from lib_lbw.lora.storage import TORCH_DTYPES, read_tensor

HASH_KEY = "sshs_model_hash"
_HASH = Seal(HASH_KEY)
_DTYPE_NAMES = {dtype: name for name, dtype in TORCH_DTYPES.items()}
_DTYPE_ORDER = tuple(ITEM_SIZES)


@dataclass(frozen=True)
class TensorSpec:
    """A tensor to be written: its key, safetensors dtype name and shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> "TensorSpec":
        """Return the spec of `tensor`. Raises LoraFileError for a dtype that is not written."""
        if tensor.dtype not in _DTYPE_NAMES:
            raise LoraFileError("{key}: {dtype} cannot be written.", key=name, dtype=tensor.dtype)
        return cls(name, _DTYPE_NAMES[tensor.dtype], tuple(tensor.shape))

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]


@dataclass(frozen=True)
class Written:
    """A finished file: `sha256` of its payload in hex, `size` in bytes."""

    path: Path
    sha256: str
    size: int


def write_safetensors(path: Path, tensors: Iterable[tuple[str, Tensor]], metadata: Mapping[str, str]) -> Written:
    """Write `tensors`, which may come in any order, to `path`; each is free to go as soon as the next is asked for.

    They pass through an unnamed file in the same folder, which needs as much room again while writing. Where all
    shapes are known beforehand, `stream_safetensors` does without.
    Raises LoraFileError: a value that is not finite, a key twice, a dtype, a folder that refuses.
    """
    with told_as_lora_errors(path), tempfile.TemporaryFile(dir=path.parent) as spool:
        layout: list[TensorSpec] = []
        places: dict[str, TensorInfo] = {}
        for name, tensor in tensors:
            spec, start = TensorSpec.of(name, tensor), spool.tell()
            spool.write(_bytes(spec, tensor))
            layout.append(spec)
            places[name] = TensorInfo(name, spec.dtype, spec.shape, start, spool.tell())
            del tensor  # not two at a time
        return stream_safetensors(path, layout, lambda spec: read_tensor(spool, places[spec.name]), metadata)


def stream_safetensors(
    path: Path,
    layout: Iterable[TensorSpec],
    read: Callable[[TensorSpec], Tensor],
    metadata: Mapping[str, str],
    seals: Iterable[Seal] = (),
) -> Written:
    """Write the tensors of `layout` to `path`, asking `read` for each one in the order of the file.

    `seals` are further hashes for the metadata, besides `sshs_model_hash`. An existing file is replaced, at the end and
    at once. Raises LoraFileError as `write_safetensors` does, also for a tensor that is not what `layout` announced.
    """
    specs = sorted(layout, key=lambda spec: (-_DTYPE_ORDER.index(spec.dtype), spec.name.encode()))
    sealing = Sealing((_HASH, *seals))
    header = _header(specs, {**metadata, **sealing.room()})
    with told_as_lora_errors(path), replacing(path) as (temporary, stream):
        stream.write(header)
        for spec in specs:
            _put(stream, sealing, spec, read(spec))
        size = stream.tell()
        for place, digest in sealing.places(header):
            stream.seek(place)
            stream.write(digest)
        stream.flush()
        read_header(temporary)  # what would not open again is not put in place
    return Written(path, sealing.hash(_HASH), size)


def _put(stream: BinaryIO, sealing: Sealing, spec: TensorSpec, tensor: Tensor) -> None:
    if TensorSpec.of(spec.name, tensor) != spec:
        raise LoraFileError("{key} is not what was announced.", key=spec.name)
    raw = _bytes(spec, tensor)
    sealing.update(raw)
    stream.write(raw)


def _header(specs: Iterable[TensorSpec], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    end = 0
    for spec in specs:
        if spec.name in entries:
            raise LoraFileError("{key} would be written twice.", key=spec.name)
        start, end = end, end + spec.nbytes
        entries[spec.name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [start, end]}
    raw = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw


def _bytes(spec: TensorSpec, tensor: Tensor) -> memoryview:
    tensor = tensor.detach().cpu()
    if not all_finite(tensor):
        raise LoraFileError("{key} holds a number that is not finite; nothing was written.", key=spec.name)
    return memoryview(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
