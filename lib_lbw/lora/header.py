"""The header of a safetensors file, read and checked by hand; torch is not needed.

Layout (safetensors format specification): eight bytes little-endian length, that many bytes of JSON, then the payload.
A header is accepted only if every byte of the payload belongs to exactly one tensor, so that whatever is read later
lies inside the file. Each fault has its own sentence.
"""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeGuard

from lib_lbw.errors import LoraFileError

MAX_HEADER = 100_000_000  # the limit of the reference implementation
MAX_DIMS = 8

# In the order of the reference implementation, which lays tensors out by it, last dtype first.
ITEM_SIZES: Mapping[str, int] = MappingProxyType(
    {
        **{"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1},
        **{"I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4},
        **{"C64": 8, "F64": 8, "I64": 8, "U64": 8},
    }
)

_FOREIGN_STARTS = (
    (b"version https://git-lfs", "{path} is a Git LFS pointer, not the file itself; run `git lfs pull`."),
    (b"<!doctype", "{path} is a web page saved under this name; download the file again."),
    (b"<html", "{path} is a web page saved under this name; download the file again."),
    (b"pk\x03\x04", "{path} is a zip archive or a pickle, not safetensors; convert it first."),
    (b"\x80", "{path} is a pickle, not safetensors; convert it first."),
    (b"gguf", "{path} is a GGUF file, not safetensors."),
)


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a file: its key, safetensors dtype name, shape, and byte range [start, end) in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """A checked header. `tensors` in payload order; `data_start` is the file offset of the payload, `size` in bytes."""

    path: Path
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int
    size: int


class _DuplicateKeyError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_header(path: Path) -> Header:
    """Read and check the header of the safetensors file at `path`.

    Raises LoraFileError, one sentence per fault: missing, directory, empty, truncated, foreign format, bad JSON,
    duplicate key, bad entry, overlap, hole, trailing bytes.
    """
    size = _size(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
            length = int.from_bytes(start[:8], "little")
            _check_length(path, start, length, size)
            stream.seek(8)
            raw = stream.read(length)
    except OSError as error:
        raise LoraFileError("{path} cannot be read: {reason}.", path=path, reason=error.strerror) from error
    entries = _entries(path, raw)
    metadata = _metadata(path, entries.pop("__metadata__", None))
    data_start = 8 + length
    infos = sorted((_tensor(path, k, v, data_start) for k, v in entries.items()), key=lambda t: (t.start, t.end))
    _check_cover(path, infos, data_start, size)
    tensors = MappingProxyType({info.name: info for info in infos})
    return Header(path, tensors, MappingProxyType(metadata), data_start, size)


def _size(path: Path) -> int:
    if path.is_dir():
        raise LoraFileError("{path} is a folder, not a file.", path=path)
    try:
        size = path.stat().st_size
    except (OSError, ValueError):  # ValueError: a NUL inside the name
        _missing(path)
    if size == 0:
        raise LoraFileError("{path} is empty.", path=path)
    return size


def _missing(path: Path) -> NoReturn:
    if not path.parent.is_dir():
        raise LoraFileError("{path} does not exist: there is no folder {folder}.", path=path, folder=path.parent)
    names = sorted(entry.name for entry in path.parent.glob("*.safetensors"))
    nearest = difflib.get_close_matches(path.name, names, n=1)
    if nearest:
        raise LoraFileError(
            "{path} does not exist; the nearest name there is {nearest}.", path=path, nearest=nearest[0]
        )
    raise LoraFileError("{path} does not exist.", path=path)


def _check_length(path: Path, start: bytes, length: int, size: int) -> None:
    if length <= min(MAX_HEADER, size - 8):
        if length < 2:
            raise LoraFileError("{path}: the header is {length} bytes long, too short.", path=path, length=length)
        return
    lowered = start.lstrip().lower()
    for mark, template in _FOREIGN_STARTS:
        if lowered.startswith(mark):
            raise LoraFileError(template, path=path)
    if length > MAX_HEADER:
        raise LoraFileError("{path} is not a safetensors file: it begins with no header length.", path=path)
    raise LoraFileError(
        "{path} is truncated inside its header: {length} bytes announced, {found} there.",
        **{"path": path, "length": length, "found": max(0, size - 8)},
    )


def _entries(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        # The format demands the brace at once; json would skip leading blanks.
        entries = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique) if raw[:1] == b"{" else None
    except _DuplicateKeyError as error:
        raise LoraFileError("{path}: the header holds {key!a} twice.", path=path, key=error.key) from error
    except (ValueError, RecursionError) as error:
        raise LoraFileError("{path}: the header is not JSON.", path=path) from error
    if not isinstance(entries, dict):
        raise LoraFileError("{path}: the header is not a JSON object.", path=path)
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKeyError(key)
        for text in (key, value):
            if isinstance(text, str):
                text.encode()  # half a surrogate pair is no text: UnicodeEncodeError is a ValueError
        result[key] = value
    return result


def _metadata(path: Path, found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise LoraFileError("{path}: the metadata is not a JSON object.", path=path)
    for key, value in found.items():
        if not isinstance(value, str):
            raise LoraFileError("{path}: the metadata entry {key!a} is not text.", path=path, key=key)
    return found


def _tensor(path: Path, name: str, entry: Any, data_start: int) -> TensorInfo:
    dtype, shape, offsets = _fields(path, name, entry)
    if dtype not in ITEM_SIZES:
        raise LoraFileError("{path}: {key!a} has the unknown dtype {dtype!a}.", path=path, key=name, dtype=dtype)
    start, end = offsets
    needed = math.prod(shape) * ITEM_SIZES[dtype]
    if end - start != needed:
        raise LoraFileError(
            "{path}: {key!a} of shape {shape} in {dtype} needs {needed} bytes, its offsets span {found}.",
            **{"path": path, "key": name, "shape": shape, "dtype": dtype, "needed": needed, "found": end - start},
        )
    return TensorInfo(name, dtype, tuple(shape), data_start + start, data_start + end)


def _fields(path: Path, name: str, entry: Any) -> tuple[str, list[int], list[int]]:
    if isinstance(entry, dict):
        dtype, shape, offsets = (entry.get(field) for field in ("dtype", "shape", "data_offsets"))
        if isinstance(dtype, str) and _naturals(shape) and _naturals(offsets) and len(offsets) == 2:
            return dtype, shape, offsets
    raise LoraFileError("{path}: the entry of {key!a} lacks a sound dtype, shape or data_offsets.", path=path, key=name)


def _naturals(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) <= MAX_DIMS and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _check_cover(path: Path, infos: list[TensorInfo], data_start: int, size: int) -> None:
    end = data_start
    for info in infos:
        if info.start < end:
            raise LoraFileError("{path}: {key!a} overlaps the tensor before it.", path=path, key=info.name)
        if info.start > end:
            raise LoraFileError("{path}: there is a hole before {key!a}.", path=path, key=info.name)
        end = info.end
    if end > size:
        raise LoraFileError("{path} is truncated: {missing} bytes are missing.", path=path, missing=end - size)
    if end < size:
        raise LoraFileError("{path} has {extra} bytes after its last tensor.", path=path, extra=size - end)
