"""Low-rank factors are the delta itself, in another form."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from lib_lbw.lora.delta import module_delta, module_factors
from tests.lora.make_lora import FORMS, as_module, make_roles

EXACT = ("lora", "tucker", "loha", "loha_tucker", "lokr", "lokr_pairs", "lokr_first_pair", "lokr_spread", "lokr_tucker")


@pytest.mark.parametrize("form", EXACT)
@given(
    out=st.integers(2, 40),
    into=st.integers(2, 40),
    kernel=st.sampled_from([(), (1, 1), (3, 3), (2, 3)]),
    rank=st.integers(1, 3),
    alpha=st.none() | st.floats(0.01, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_factors_multiply_to_the_delta(form, out, into, kernel, rank, alpha, seed):
    shape = (out, into, *(kernel or ((3, 3) if "tucker" in form else ())))
    roles = make_roles(form, shape, rank, seed)
    module = as_module(roles, alpha)
    delta = module_delta(module, roles, dtype=torch.float64).weight.flatten(1)
    factors = module_factors(module, roles, dtype=torch.float64)
    if form == "lora" or form == "tucker":
        assert factors.up.shape == (out, rank)
    elif factors is not None:
        assert factors.up.numel() + factors.down.numel() < delta.numel()
    assume(factors is not None)
    error = torch.linalg.vector_norm(factors.up @ factors.down - delta) / torch.linalg.vector_norm(delta)
    assert error < 1e-12


@pytest.mark.parametrize(
    ("form", "shape", "rank", "expected"),
    [
        ("loha", (64, 64), 3, 9),
        ("loha", (64, 64), 6, None),
        ("loha_tucker", (32, 32, 3, 3), 2, 4),
        ("lokr", (64, 64), 3, 6),
        ("lokr_pairs", (63, 63), 2, 4),
        ("lokr_first_pair", (9, 9), 1, 3),
        ("lokr_first_pair", (6, 6), 1, None),
        ("lokr_full", (64, 64), 1, None),
    ],
)
def test_the_rank_is_the_least_and_there_are_none_when_they_are_larger_than_the_delta(form, shape, rank, expected):
    roles = make_roles(form, shape, rank)
    factors = module_factors(as_module(roles), roles, dtype=torch.float64)
    assert (None if factors is None else factors.up.shape[1]) == expected


def test_other_algorithms_have_no_factors():
    for form in FORMS.keys() - set(EXACT):
        roles = make_roles(form, {"norm": (8,)}.get(form, (8, 6, 3, 3)))
        assert module_factors(as_module(roles), roles, dtype=torch.float64) is None, form


def test_the_bias_comes_along():
    roles = make_roles("lora", (8, 6)) | {"bias": torch.ones(8), "diff_b": torch.ones(8)}
    factors = module_factors(as_module(roles, 2.0), roles, dtype=torch.float32)
    assert torch.equal(factors.bias, torch.full((8,), 1.5))
