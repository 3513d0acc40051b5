"""NaN and infinities are found wherever they stand, and large numbers are no infinities."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.lora.finite import all_finite
from lib_lbw.lora.storage import TORCH_DTYPES

FLOATS = [dtype for dtype in TORCH_DTYPES.values() if dtype.is_floating_point]
COUNT = (1 << 18) + 3  # more than are looked at together


@pytest.mark.parametrize("dtype", TORCH_DTYPES.values())
def test_the_largest_numbers_of_every_dtype_are_finite(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max if dtype.is_floating_point else 1
    assert all_finite(torch.full((1000,), largest, dtype=torch.float64).to(dtype))
    assert all_finite(torch.empty(0, dtype=dtype))


@given(
    st.sampled_from(FLOATS),
    st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=3),
    st.sampled_from(["nan", "inf", "-inf"]),
)
def test_what_is_no_number_is_found(dtype: torch.dtype, places: list[int], value: str) -> None:
    if dtype == torch.float8_e4m3fn:
        value = "nan"  # it has no infinity
    tensor = torch.ones(COUNT, dtype=dtype)
    for place, sign in zip(places, (1, -1, 1), strict=False):
        tensor[place] = sign * float(value)
    assert not all_finite(tensor)
    assert not all_finite(tensor.reshape(1, -1).T)
