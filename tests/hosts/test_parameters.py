"""The arithmetic of merged parameters and of deltas shaped for a layer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.hosts.parameters import fitted, merged

numbers = st.floats(-4, 4, width=32)
terms = st.lists(st.tuples(numbers, st.lists(numbers, min_size=3, max_size=3)), max_size=3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@given(base=st.lists(numbers, min_size=3, max_size=3), parts=terms, given_out=st.booleans())
def test_summed_wide_and_rounded_once(
    dtype: torch.dtype, base: list[float], parts: list[tuple[float, list[float]]], given_out: bool
) -> None:
    own = torch.tensor(base).to(dtype)
    before = own.clone()
    out = torch.full_like(own, 7) if given_out else None
    made = merged(own, [(scale, torch.tensor(delta)) for scale, delta in parts], out)
    exact = own.double()
    for scale, delta in parts:
        exact = exact + scale * torch.tensor(delta).double()
    assert made.dtype == dtype
    assert torch.equal(own, before)
    assert out is None or made is out
    ulp = torch.finfo(dtype).eps
    slack = 1e-5 * (1 + sum(abs(scale) * 4 for scale, _ in parts))
    assert torch.all((made.double() - exact).abs() <= ulp * exact.abs() + slack)


def test_half_precision_does_not_round_between_loras() -> None:
    base = torch.tensor([1.0], dtype=torch.float16)
    small = torch.tensor([2.0**-11])
    assert merged(base, [(1.0, small), (1.0, small)]).item() == 1 + 2.0**-10
    assert (base + small.half() + small.half()).item() == 1.0


@pytest.mark.parametrize(
    ("delta", "layer", "widen", "fits"),
    [
        ((4, 3), (4, 3), False, True),
        ((4, 3), (4, 3, 1, 1), False, True),
        ((4, 3, 1, 1), (4, 3), False, True),
        ((4, 27), (4, 3, 3, 3), False, True),
        ((4, 4, 3, 3), (4, 9, 3, 3), True, True),
        ((4, 4, 3, 3), (4, 9, 3, 3), False, False),
        ((4, 9, 3, 3), (4, 4, 3, 3), True, False),
        ((3, 4), (4, 3), False, False),
        ((4, 6, 1, 1), (4, 3, 2, 1), False, False),
        ((4,), (4,), False, True),
        ((5,), (4,), False, False),
    ],
)
def test_which_shapes_fit(delta: tuple[int, ...], layer: tuple[int, ...], widen: bool, fits: bool) -> None:
    source = torch.randn(delta)
    made = fitted(source, torch.Size(layer), widen)
    assert (made is not None) == fits
    if made is not None:
        assert made.shape == layer
        shared = made[:, : source.shape[1]] if widen else made
        assert torch.equal(shared.reshape(-1), source.reshape(-1))
        assert made.count_nonzero() == source.count_nonzero()
