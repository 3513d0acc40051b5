"""Energies and errors in factor space against the dense matrices."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.merge.distance import between
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.measures import energy, rounding_error
from lib_lbw.merge.numbers.reduce import reduce
from lib_lbw.merge.numbers.terms import total
from tests.merge_numbers.make_terms import norm, parts_norm, random_low_rank, term_lists, turned


@given(term_lists())
def test_energy_is_that_of_the_dense_matrix(given_terms) -> None:
    terms, cs = given_terms
    f = concat(terms, cs)
    assert energy(f) == pytest.approx(norm(f.dense()) ** 2, rel=1e-6, abs=1e-24 * parts_norm(f) ** 2)


@pytest.mark.parametrize("power", range(4, 45, 8))
def test_energy_of_a_difference_far_below_its_terms(power: int) -> None:
    a = random_low_rank(1, 30, 20, 5)
    b = LowRank(a.up * (1 + 2.0**-power), a.down)
    difference = LowRank(torch.cat([b.up, a.up], 1), torch.cat([a.down, -a.down]))
    assert energy(difference) == pytest.approx(4.0**-power * norm(a.dense()) ** 2, rel=1e-2 if power > 40 else 1e-5)


@pytest.mark.parametrize("power", range(4, 21, 4))
def test_energy_of_a_difference_of_other_factors(power: int) -> None:
    a, c = random_low_rank(1, 30, 20, 5), random_low_rank(2, 30, 20, 1, size=2.0**-power)
    difference = concat([concat([a, c], [1.0, 1.0]), turned(a, 3)], [1.0, -1.0])
    assert energy(difference) == pytest.approx(norm(c.dense()) ** 2, rel=1e-6)


@given(term_lists(defects=("none", "zero rows", "dependent down")), st.sampled_from([torch.float16, torch.bfloat16]))
def test_relative_error_is_what_the_dense_matrices_say(given_terms, dtype: torch.dtype) -> None:
    terms, cs = given_terms
    terms = [LowRank(t.up / max(1e-300, norm(t.up)), t.down / max(1e-300, norm(t.down))) for t in terms]
    wanted = concat(terms, cs)
    stored = reduce(wanted, max(1, wanted.rank // 2)).factors.to(dtype).to(torch.float64)  # as it is read back
    size = norm(wanted.dense())
    if size < 1e-3:
        return
    error = norm(stored.to(torch.float64).dense() - wanted.dense()) / size
    assert between(stored, total(terms, cs)).error == pytest.approx(error, rel=1e-2, abs=1e-12)
    assert between(stored, total([term.dense() for term in terms], cs)).error == pytest.approx(
        error, rel=1e-6, abs=1e-12
    )


@pytest.mark.parametrize(
    ("dtype", "size"), [(torch.bfloat16, 1.7e-3), (torch.float16, 2.1e-4), (torch.float32, 2.6e-8)]
)
def test_rounding_is_measured_in_every_dtype(dtype: torch.dtype, size: float) -> None:
    terms = [random_low_rank(seed, 200, 100, 16).to(dtype) for seed in (1, 2)]
    exact = concat(terms, [0.7, -0.4])
    stored = exact.to(dtype).to(torch.float64)
    error = norm(stored.to(torch.float64).dense() - exact.dense()) / norm(exact.dense())
    assert error == pytest.approx(size, rel=0.1)  # one-sided: `down` is not rounded
    assert rounding_error(stored, exact) == pytest.approx(error, rel=1e-6)
    assert between(stored, total(terms, [0.7, -0.4])).error == pytest.approx(error, rel=1e-2)


@given(st.integers(0, 99), st.sampled_from([torch.float16, torch.bfloat16, torch.float32]))
def test_rounding_of_both_factors(seed: int, dtype: torch.dtype) -> None:
    exact = random_low_rank(seed, 9, 8, 3)
    stored = exact.to(dtype).to(torch.float64)
    error = norm(stored.to(torch.float64).dense() - exact.dense()) / norm(exact.dense())
    assert rounding_error(stored, exact) == pytest.approx(error, rel=1e-5)


def test_an_exact_copy_has_no_error_and_a_lost_one_all() -> None:
    a = random_low_rank(1, 9, 8, 3)
    assert rounding_error(a, a) == 0.0
    assert between(turned(a, 1), total([a], [1.0])).error < 1e-13
    assert between(LowRank(a.up[:, :0], a.down[:0]), total([a], [1.0])).error == pytest.approx(1.0)
    assert between(a, total([a], [0.5])).error == pytest.approx(1.0)


def test_errors_of_zero() -> None:
    a = random_low_rank(1, 9, 8, 3)
    nothing = LowRank(a.up[:, :0], a.down[:0])
    assert between(nothing, total([a], [0.0])).error == 0.0
    assert between(a, total([a, a], [1.0, -1.0])).error > 1e10
    assert between(a, total([a], [0.0])).error == math.inf


def test_rounding_is_of_the_same_factors() -> None:
    with pytest.raises(ValueError, match="not those"):
        rounding_error(random_low_rank(1, 9, 8, 2), random_low_rank(1, 9, 8, 3))
