"""The change by storing, told from float32 products: right to three digits, or not told."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.quick import quick_rounding
from tests.merge_numbers.make_terms import norm, random_low_rank, term_lists

DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def change(stored: LowRank, exact: LowRank) -> float:
    return norm(stored.to(torch.float64).dense() - exact.to(torch.float64).dense())


@given(term_lists(), st.sampled_from(DTYPES))
def test_what_is_told_is_right_to_three_digits(given_terms, dtype: torch.dtype) -> None:
    exact = concat(*given_terms)
    stored = exact.to(dtype)
    told = quick_rounding(stored, exact)
    if told is None:
        return
    lost, size = change(stored, exact), norm(exact.dense())
    assert told[1] ** 0.5 == pytest.approx(size, rel=1e-4)
    assert lost * (1 - 1e-3) - 1e-12 * size <= told[0] ** 0.5 <= lost * (1 + 2e-3) + 1e-12 * size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sides", [1, 2])
def test_factors_as_files_have_them_are_told(dtype: torch.dtype, sides: int) -> None:
    exact = random_low_rank(1, 300, 200, 16)
    stored = LowRank(exact.up.to(dtype), exact.down.to(dtype) if sides == 2 else exact.down)
    told = quick_rounding(stored, exact)
    assert told is not None
    assert told[0] ** 0.5 == pytest.approx(change(stored, exact), rel=1e-3)
    assert told[1] ** 0.5 == pytest.approx(norm(exact.dense()), rel=1e-5)


def test_a_few_numbers_below_what_float16_resolves_are_added_to_the_change() -> None:
    exact = random_low_rank(2, 200, 100, 8)
    exact.down[0, :3] = 1e-9
    stored = LowRank(exact.up.half(), exact.down.half().where(exact.down.abs() < 1e-6, exact.down))
    told = quick_rounding(stored, exact)
    assert told is not None
    assert change(stored, exact) <= told[0] ** 0.5 <= change(stored, exact) * (1 + 1e-3)


@pytest.mark.parametrize("power", [8, 12, 16, 20])
def test_terms_that_cancel_are_not_told(power: int) -> None:
    a = random_low_rank(1, 30, 20, 5)
    exact = concat([a, LowRank(a.up * (1 + 2.0**-power), a.down)], [1.0, -1.0])
    assert quick_rounding(exact.to(torch.float16), exact) is None


def test_nothing_and_what_is_not_finite_are_not_told() -> None:
    a = random_low_rank(1, 9, 8, 3)
    nothing = concat([a], [0.0])
    assert quick_rounding(nothing, nothing) is None
    zero = LowRank(torch.zeros(9, 3), torch.zeros(3, 8))
    assert quick_rounding(zero, zero) is None
    assert quick_rounding(LowRank(a.up * float("inf"), a.down), a) is None
    assert quick_rounding(a, a) == (0.0, pytest.approx(norm(a.dense()) ** 2, rel=1e-5))
