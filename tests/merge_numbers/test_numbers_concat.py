"""The exact sum against the dense one, and that only `up` is ever rounded."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.lora.delta import Factors
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from tests.merge_numbers.make_terms import norm, parts_norm, random_low_rank, scales, term_lists


@given(term_lists())
def test_concat_is_the_dense_sum(given_terms) -> None:
    terms, cs = given_terms
    merged = concat(terms, cs)
    wanted = sum(c * term.dense() for term, c in zip(terms, cs, strict=True))
    bound = sum(abs(c) * parts_norm(term) for term, c in zip(terms, cs, strict=True))
    assert merged.up.dtype == merged.down.dtype == torch.float64
    assert merged.shape == terms[0].shape
    assert merged.rank == sum(term.rank for term, c in zip(terms, cs, strict=True) if c)
    assert norm(merged.dense() - wanted) <= 1e-14 * bound


@given(term_lists())
def test_down_is_only_shifted(given_terms) -> None:
    terms, cs = given_terms
    merged, row = concat(terms, cs).down, 0
    for term in (term for term, c in zip(terms, cs, strict=True) if c):
        mine = merged[row : row + term.rank]
        row += term.rank
        (old, before), (new, after) = torch.frexp(term.down), torch.frexp(mine)
        assert torch.equal(old, new)
        shifts = (after - before)[term.down != 0]
        assert shifts.unique().numel() <= 1


@given(st.integers(0, 999), st.integers(1, 9), scales.filter(lambda c: abs(c) > 1e-3), st.integers(-8, 8))
def test_a_half_precision_file_keeps_the_bits_of_down(seed: int, rank: int, c: float, shift: int) -> None:
    drawn = random_low_rank(seed, 7, 6, rank)
    away_from_zero = drawn.down.sign() * (0.5 + drawn.down.abs().clamp(max=4))  # float16 loses bits below 6e-5
    term = LowRank(drawn.up * 2.0**shift, away_from_zero).to(torch.float16)
    merged = concat([term, term], [c, 1.0])
    assert torch.equal(merged.down.half().double(), merged.down)


@given(st.integers(0, 999), scales.filter(lambda c: abs(c) > 1e-6), st.integers(-60, 60))
def test_the_two_factors_are_about_equally_large(seed: int, c: float, shift: int) -> None:
    merged = concat([random_low_rank(seed, 5, 8, 3, size=2.0**shift)], [c])
    assert 0.49 < norm(merged.up) / norm(merged.down) < 2.05


def test_powers_of_two_are_exact_to_the_bit() -> None:
    a, b = (random_low_rank(seed, 6, 5, 2).to(torch.float16) for seed in (1, 2))
    merged = concat([a, b], [0.5, -2.0]).to(torch.float16)
    wanted = 0.5 * a.to(torch.float64).dense() - 2 * b.to(torch.float64).dense()
    assert torch.equal(merged.to(torch.float64).dense(), wanted)


def test_nothing_is_left_of_ratios_of_zero() -> None:
    a = random_low_rank(1, 6, 5, 2)
    merged = concat([a, a], [0.0, 0.0])
    assert (merged.rank, merged.shape) == (0, (6, 5))
    assert not merged.dense().any()


def test_what_cannot_be_summed_is_refused() -> None:
    a = random_low_rank(1, 6, 5, 2)
    with pytest.raises(ValueError, match="different shapes"):
        concat([a, random_low_rank(1, 5, 6, 2)], [1.0, 1.0])
    with pytest.raises(ValueError, match="nothing"):
        concat([], [])
    with pytest.raises(ValueError, match="zip"):
        concat([a], [1.0, 2.0])
    with pytest.raises(ValueError, match="no factors"):
        LowRank(a.up, a.up)


def test_factors_of_the_lora_room_lose_only_their_bias() -> None:
    a = random_low_rank(1, 6, 5, 2)
    made = LowRank.of(Factors(a.up, a.down, torch.ones(6)))
    assert made.up is a.up
    assert made.down is a.down
