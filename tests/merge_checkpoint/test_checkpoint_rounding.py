"""Rounding to half precision, and what is told of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.merge.checkpoint.rounding import Survival, rounded, survival

HALVES = [torch.float16, torch.bfloat16]
FLOATS = st.floats(-60000, 60000, width=32)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", HALVES)
@given(values=st.lists(FLOATS, min_size=1, max_size=20), seed=st.integers(0, 9))
def test_a_drawn_value_is_one_of_the_two_neighbours(dtype: torch.dtype, values: list[float], seed: int) -> None:
    exact = torch.tensor(values)
    drawn = rounded(exact, dtype, source(seed))
    near = exact.to(dtype)
    for x, got, nearest in zip(exact, drawn, near, strict=True):
        bits = int(nearest.view(torch.int16))
        around = [nearest, *(torch.tensor(bits + d, dtype=torch.int16).view(dtype) for d in (-1, 1) if bits & 0x7FFF)]
        if not bits & 0x7FFF:
            around += [torch.tensor(b, dtype=torch.int16).view(dtype) for b in (1, -32767)]
        assert any(torch.equal(got, each) for each in around)
        if nearest.float() == x:
            assert got.float() == x
        else:  # on the side of x where the nearest is not
            assert got == nearest or (got.double() > x) != (nearest.double() > x)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("value", [1.0003, -0.1234567, 3e-8, -2e-8, 1.99999, 1000.3])
def test_the_mean_of_drawn_values_is_the_value(dtype: torch.dtype, value: float) -> None:
    exact = torch.full((200_000,), value)
    drawn = rounded(exact, dtype, source()).double()
    spread = drawn.std() / 200_000**0.5
    assert abs(drawn.mean() - exact[0].double()) <= 5 * spread + 1e-12
    assert drawn.unique().numel() == 2


def test_a_seed_draws_the_same_again() -> None:
    exact = torch.randn(3_000_000, generator=source())
    one, again, other = (rounded(exact, torch.float16, source(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_without_a_seed_it_is_the_nearest(dtype: torch.dtype) -> None:
    exact = torch.randn(1000, generator=source())
    assert torch.equal(rounded(exact, dtype), exact.to(dtype))
    assert torch.equal(rounded(exact, torch.float32, source()), exact)


def test_what_rounding_to_fp16_and_bf16_leaves_of_a_small_change() -> None:
    """The known figures: a change of a thousandth loses 21 % of its norm in float16 and 80 % in bfloat16."""
    weight = torch.randn(400_000, generator=source())
    change = 1e-3 * torch.randn(400_000, generator=source(1))
    for dtype, error, unchanged in ((torch.float16, 0.21, 0.13), (torch.bfloat16, 0.80, 0.78)):
        stored = weight.to(dtype)
        wide = stored.float() + change
        found = survival(stored, wide, rounded(wide, dtype))
        assert found.error == pytest.approx(error, abs=0.03)
        assert found.unchanged == pytest.approx(unchanged, abs=0.12)
        exact = survival(stored, wide, wide)
        assert (exact.error, exact.unchanged) == (0.0, 0.0)


def test_drawn_rounding_moves_the_mean_where_the_nearest_moves_nothing() -> None:
    weight = torch.ones(100_000, dtype=torch.bfloat16)
    wide = weight.float() + 1e-4
    near = survival(weight, wide, rounded(wide, torch.bfloat16))
    drawn = rounded(wide, torch.bfloat16, source())
    assert near.unchanged == 1.0
    assert near.error == pytest.approx(1.0)
    assert drawn.double().mean() - 1 == pytest.approx(1e-4, rel=0.1)


def test_another_type_is_measured_against_the_base_in_that_type() -> None:
    weight = torch.randn(10_000, generator=source())
    wide = weight.clone()
    wide[0] += 1
    found = survival(weight, wide, wide.half())
    assert found.meant == 1
    assert found.error < 1e-2


def test_nothing_meant_is_nothing_lost() -> None:
    assert (Survival().error, Survival().unchanged) == (0.0, 0.0)
    assert Survival(4.0, 1.0, 4, 1) + Survival(0.0, 0.0, 4, 1) == Survival(4.0, 1.0, 8, 2)
