"""Tensors of a file as torch tensors, read one by one at their offsets."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO

import torch

from lib_lbw.errors import LoraFileError, UnsupportedLoraError
from lib_lbw.lora.header import TensorInfo

TORCH_DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {
        **{"BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32},
        **{"I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32},
        **{"F64": torch.float64},
        **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2},
    }
)


def read_tensor(stream: BinaryIO, info: TensorInfo) -> torch.Tensor:
    """Return the tensor of `info` in its stored dtype, on the CPU. It owns its memory.

    Raises UnsupportedLoraError for a dtype torch has not, LoraFileError when the file ends too early.
    """
    if info.dtype not in TORCH_DTYPES:
        raise UnsupportedLoraError("{key} is stored as {dtype}, which cannot be read.", key=info.name, dtype=info.dtype)
    dtype = TORCH_DTYPES[info.dtype]
    buffer = bytearray(info.end - info.start)
    if not buffer:
        return torch.empty(info.shape, dtype=dtype)
    stream.seek(info.start)
    if stream.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
        raise LoraFileError("The file ends inside {key}.", key=info.name)
    return torch.frombuffer(buffer, dtype=dtype).reshape(info.shape)
