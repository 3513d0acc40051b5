"""Single numbers (alpha, scale, on_input) decoded from their stored bytes, without torch."""

import struct
from collections.abc import Mapping
from types import MappingProxyType

_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        **{"BOOL": "?", "U8": "B", "I8": "b", "U16": "H", "I16": "h", "U32": "I", "I32": "i", "U64": "Q", "I64": "q"},
        **{"F16": "e", "F32": "f", "F64": "d"},
    }
)


def decode_scalar(dtype: str, raw: bytes) -> float:
    """Return the number that `raw` holds in the safetensors dtype `dtype` (integers, BF16, F16, F32 or F64).

    Raises ValueError when the dtype is no such number or `raw` has another length.
    """
    if dtype == "BF16":  # the upper half of a float32
        dtype, raw = "F32", b"\0\0" + raw
    if dtype not in _FORMATS:
        raise ValueError(f"no plain number: {dtype}")
    try:
        (value,) = struct.unpack("<" + _FORMATS[dtype], raw)
    except struct.error as error:
        raise ValueError(f"not one number: {len(raw)} bytes of {dtype}") from error
    return float(value)
