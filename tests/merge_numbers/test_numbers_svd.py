"""The best rank from factors alone, against numpy's dense SVD (Eckart and Young)."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.merge.numbers import factored
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.reduce import decompose, reduce
from tests.merge_numbers.make_terms import (
    low_ranks,
    norm,
    numpy_values,
    parts_norm,
    random_low_rank,
    term_lists,
    turned,
    with_spectrum,
)


@given(low_ranks(), st.integers(0, 20))
def test_no_matrix_of_the_rank_is_nearer(f: LowRank, rank: int) -> None:
    cut, values = reduce(f, rank), numpy_values(f.dense())
    best = float(np.sqrt((values[rank:] ** 2).sum()))
    assert norm(f.dense() - cut.factors.dense()) <= best + 1e-9 * parts_norm(f)
    assert cut.factors.rank == len(cut.singular) <= min(rank, *f.shape)
    assert cut.factors.shape == f.shape


@given(term_lists())
def test_no_matrix_is_nearer_to_a_sum(given_terms) -> None:
    terms, cs = given_terms
    f = concat(terms, cs)
    rank = max(1, f.rank // 2)
    values = numpy_values(f.dense())
    distance = norm(f.dense() - reduce(f, rank).factors.dense())
    assert distance <= float(np.sqrt((values[rank:] ** 2).sum())) + 1e-9 * parts_norm(f)


@given(low_ranks())
def test_the_singular_values_are_numpys(f: LowRank) -> None:
    values, found = numpy_values(f.dense()), decompose(f).singular.numpy()
    assert found.dtype == np.float64
    assert np.all(np.diff(found) <= 0)
    assert np.all(found > 0)
    np.testing.assert_allclose(found, values[: len(found)], rtol=0, atol=1e-9 * parts_norm(f))
    assert np.all(values[len(found) :] <= 1e-9 * parts_norm(f))


@given(low_ranks(defects=("none", "equal columns", "zero rows", "zero column", "dependent down", "all zero")))
def test_the_rank_is_the_true_one(f: LowRank) -> None:
    assert len(decompose(f).singular) == np.linalg.matrix_rank(f.dense().numpy())


@given(low_ranks(), st.integers(1, 20))
def test_sigma_is_split_evenly(f: LowRank, rank: int) -> None:
    cut = reduce(f, rank)
    tolerance = 1e-7 * float(cut.singular.sum())
    torch.testing.assert_close(cut.factors.up.square().sum(0), cut.singular, rtol=1e-7, atol=tolerance)
    torch.testing.assert_close(cut.factors.down.square().sum(1), cut.singular, rtol=1e-7, atol=tolerance)


@given(low_ranks(), st.integers(0, 20))
def test_the_share_kept_is_that_of_the_energy(f: LowRank, rank: int) -> None:
    cut, energies = reduce(f, rank), numpy_values(f.dense()) ** 2
    wanted = energies[:rank].sum() / energies.sum() if norm(f.dense()) else 1.0
    assert cut.kept == pytest.approx(wanted, abs=1e-9)
    assert cut.error == pytest.approx((1 - wanted) ** 0.5 if wanted < 1 else 0.0, abs=1e-4)


@given(low_ranks(defects=("none",)))
def test_both_ways_agree(f: LowRank) -> None:
    by_grams = factored._by_grams(f) if f.rank else None
    if by_grams is None:
        return
    by_qr = factored._by_qr(f)
    torch.testing.assert_close(by_grams.singular, by_qr.singular, rtol=1e-8, atol=0)
    for k in range(f.rank + 1):
        first, second = by_grams.cut(k), by_qr.cut(k)
        assert norm(first.factors.dense() - second.factors.dense()) <= 1e-5 * norm(f.dense())


@given(st.integers(0, 99), st.integers(1, 5), st.integers(0, 99))
def test_the_result_does_not_depend_on_the_factors(seed: int, rank: int, turn: int) -> None:
    f = with_spectrum(seed, 9, 8, [2.0**-i for i in range(5)])
    first, second = reduce(f, rank), reduce(turned(f, turn), rank)
    torch.testing.assert_close(first.factors.dense(), second.factors.dense(), rtol=0, atol=1e-9)


def test_good_factors_take_the_cheap_way_and_bad_ones_the_safe_way() -> None:
    good = random_low_rank(1, 40, 30, 8)
    assert factored._by_grams(good) is not None
    assert factored._by_grams(concat([good, good], [1.0, 1.0])) is None
    assert factored._by_grams(random_low_rank(1, 40, 30, 8, "dependent down")) is None
    assert factored._by_grams(random_low_rank(1, 40, 30, 8, "zero column")) is None
    assert factored._by_grams(random_low_rank(1, 6, 30, 8)) is None


def test_a_matrix_whose_condition_its_diagonal_hides() -> None:
    # Kahan 1966: every column is well off the span of those before, and still the matrix is near singular.
    s = torch.tensor(0.6).sin().double()
    upper = torch.eye(60, dtype=torch.float64) - (1 - s**2).sqrt() * torch.ones(60, 60, dtype=torch.float64).triu(1)
    f = LowRank(upper, random_low_rank(1, 60, 70, 60).up.T @ random_low_rank(2, 60, 70, 60).dense())
    values, found = numpy_values(f.dense()), decompose(f).singular.numpy()
    assert factored._by_grams(f) is None
    np.testing.assert_allclose(found, values[: len(found)], rtol=0, atol=1e-12 * values[0])
    assert norm(reduce(f, 60).factors.dense() - f.dense()) < 1e-9 * norm(f.dense())


@pytest.mark.parametrize("power", [2, 4, 6, 8])
def test_factors_far_worse_than_their_delta(power: int) -> None:
    f = with_spectrum(1, 20, 18, [2.0, 1.9, 1.0, 0.9, 0.8])
    mix = random_low_rank(2, 5, 5, 5).up @ torch.diag(torch.logspace(0, -power, 5).double())
    mix = mix @ random_low_rank(3, 5, 5, 5).up
    bad = LowRank(f.up @ mix, torch.linalg.solve(mix, f.down))
    values = numpy_values(bad.dense())[:5]
    np.testing.assert_allclose(decompose(bad).singular, values, rtol=0, atol=3e-15 * 10.0**power + 1e-9)
    cut = reduce(bad, 3).factors.dense()
    assert norm(cut - bad.dense()) == pytest.approx(float(np.sqrt((values[3:] ** 2).sum())), rel=1e-7)


def test_a_lora_and_itself() -> None:
    a = random_low_rank(3, 12, 10, 4)
    twice = reduce(concat([a, a], [1.0, 1.0]), 8)
    assert twice.factors.rank == 4
    torch.testing.assert_close(twice.factors.dense(), 2 * a.dense(), rtol=0, atol=1e-12)


def test_a_lora_less_itself_is_nothing() -> None:
    a = random_low_rank(3, 12, 10, 4)
    nothing = reduce(concat([a, turned(a, 1)], [1.0, -1.0]), 8)
    assert (nothing.factors.rank, nothing.factors.shape, nothing.kept) == (0, (12, 10), 1.0)


def test_a_difference_a_thousand_times_below_its_terms() -> None:
    a, b = random_low_rank(3, 12, 10, 4), random_low_rank(4, 12, 10, 2, size=1e-3)
    slider = reduce(concat([concat([a, b], [1.0, 1.0]), a], [1.0, -1.0]), 10)
    assert slider.factors.rank == 2
    assert norm(slider.factors.dense() - b.dense()) < 1e-12 * norm(b.dense())


def test_a_rank_is_capped_by_the_matrix_and_may_not_be_negative() -> None:
    f = random_low_rank(1, 3, 9, 7)
    assert reduce(f, 100).factors.rank == 3
    assert reduce(f, 0).factors.shape == (3, 9)
    with pytest.raises(ValueError, match="-1"):
        reduce(f, -1)


def test_even_sigma_survives_half_precision() -> None:
    f = with_spectrum(1, 64, 64, [1e-4 * 0.8**i for i in range(16)])
    cut = reduce(f, 16)
    lopsided = LowRank(cut.factors.up * cut.singular.sqrt(), cut.factors.down / cut.singular.sqrt()[:, None])

    def error(factors: LowRank) -> float:
        return norm(factors.to(torch.float16).to(torch.float64).dense() - f.dense()) / norm(f.dense())

    assert error(cut.factors) < 1e-3
    assert error(lopsided) > 3 * error(cut.factors)


def test_modules_may_be_worked_on_side_by_side() -> None:
    terms = [random_low_rank(seed, 60, 50, 12) for seed in range(24)]
    terms += [random_low_rank(seed, 200, 300, 12).dense().float() for seed in range(4)]
    one_by_one = [decompose(term, 6, 1).cut(6).factors.dense() for term in terms]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda term: decompose(term, 6, 1).cut(6).factors.dense(), terms))
    for first, second in zip(one_by_one, together, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-9 * norm(first))
