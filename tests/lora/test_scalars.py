"""Scalars decoded without torch equal what torch reads."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.lora.scalars import decode_scalar
from lib_lbw.lora.storage import TORCH_DTYPES

DTYPES = [name for name in TORCH_DTYPES if not name.startswith("F8")]


@given(st.sampled_from(DTYPES), st.binary(min_size=8, max_size=8))
def test_agrees_with_torch(name, raw):
    dtype = TORCH_DTYPES[name]
    raw = bytes([raw[0] & 1]) if name == "BOOL" else raw[: dtype.itemsize]
    expected = torch.frombuffer(bytearray(raw), dtype=dtype).double()
    assert torch.equal(
        torch.tensor([decode_scalar(name, raw)], dtype=torch.float64).nan_to_num(7), expected.nan_to_num(7)
    )


@pytest.mark.parametrize(
    ("name", "raw"), [("F32", b"123"), ("F32", b"12345678"), ("F8_E4M3", b"1"), ("C64", b"12345678")]
)
def test_what_is_no_number_is_refused(name, raw):
    with pytest.raises(ValueError, match="no"):
        decode_scalar(name, raw)
