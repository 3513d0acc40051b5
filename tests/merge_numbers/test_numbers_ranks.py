"""Rank rules give the least rank by brute force, and the ranks for a size lose least."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import MergeError
from lib_lbw.merge.numbers.ranks import Fixed, SvCumulative, SvFro, SvRatio
from lib_lbw.merge.numbers.size import Spectrum, ranks_for_size

spectra = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=12).map(lambda values: sorted(values, reverse=True))
shares = st.floats(0.01, 1)


@given(spectra, shares)
def test_sv_fro_is_the_least_rank(values: list[float], q: float) -> None:
    k = SvFro(q).rank(torch.tensor(values, dtype=torch.float64))
    all_of_them = math.fsum(v * v for v in values)
    kept = [math.sqrt(math.fsum(v * v for v in values[:j]) / all_of_them) for j in range(len(values) + 1)]
    assert kept[k] >= q - 1e-13
    assert k == 1 or kept[k - 1] < q


@given(spectra, shares)
def test_sv_cumulative_is_the_least_rank(values: list[float], q: float) -> None:
    k = SvCumulative(q).rank(torch.tensor(values, dtype=torch.float64))
    kept = [math.fsum(values[:j]) / math.fsum(values) for j in range(len(values) + 1)]
    assert kept[k] >= q - 1e-13
    assert k == 1 or kept[k - 1] < q


@given(spectra, st.floats(1, 1e9))
def test_sv_ratio_counts_what_is_above(values: list[float], q: float) -> None:
    wanted = max(1, sum(value > values[0] / q for value in values))
    assert SvRatio(q).rank(torch.tensor(values, dtype=torch.float64)) == wanted


@given(spectra, st.floats(0.1, 1), st.floats(0.1, 1))
def test_asking_for_more_never_gives_less(values: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    singular = torch.tensor(values, dtype=torch.float64)
    for rule in (SvFro, SvCumulative):
        assert rule(low).rank(singular) <= rule(high).rank(singular)
    assert SvRatio(1 / high).rank(singular) <= SvRatio(1 / low).rank(singular)


def test_shares_that_are_hit_exactly_are_enough() -> None:
    tenths = torch.full((10,), 0.1, dtype=torch.float64)
    assert [SvCumulative(k / 10).rank(tenths) for k in range(1, 11)] == list(range(1, 11))
    assert [SvFro(math.sqrt(k / 10)).rank(tenths) for k in range(1, 11)] == list(range(1, 11))


def test_everything_is_all_but_zeros() -> None:
    singular = torch.tensor([3.0, 1.0, 1e-6, 0.0])
    assert SvFro(1.0).rank(singular) == SvCumulative(1.0).rank(singular) == 3
    for rule in (Fixed(1), SvRatio(4), SvFro(0.5), SvCumulative(1)):
        assert rule.rank(torch.zeros(0)) == rule.rank(torch.zeros(3)) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fixed(0),
        *(lambda q=q: SvRatio(q) for q in (0.9, -1, math.nan)),
        *(lambda q=q: SvFro(q) for q in (0, 1.01, math.nan)),
        *(lambda q=q: SvCumulative(q) for q in (0, 1.01, math.nan)),
    ],
)
def test_impossible_numbers_are_refused(make) -> None:
    with pytest.raises(MergeError, match="must be"):
        make()


def test_the_message_says_which_number() -> None:
    with pytest.raises(MergeError, match=r"^sv_fro must be above 0 and at most 1, not 1.5\.$"):
        SvFro(1.5)


files = st.lists(
    st.tuples(
        st.lists(st.floats(0.01, 10), min_size=0, max_size=4).map(lambda values: sorted(values, reverse=True)),
        st.integers(1, 5),
        st.floats(0.1, 10),
    ),
    min_size=1,
    max_size=4,
)


def lost(modules, ranks) -> float:
    return sum(
        (v / reference) ** 2 for (values, _, reference), k in zip(modules, ranks, strict=True) for v in values[k:]
    )


@given(files, st.integers(0, 60))
def test_no_choice_of_ranks_loses_less_than_by_one_rank(modules, budget: int) -> None:
    spectra = {i: Spectrum(torch.tensor(v, dtype=torch.float64), cost) for i, (v, cost, _) in enumerate(modules)}
    least = sum(min(1, len(values)) * cost for values, cost, _ in modules)
    references = {i: reference for i, (_, _, reference) in enumerate(modules)}
    if budget < least:
        with pytest.raises(MergeError, match=f"{budget} bytes.*{least} bytes"):
            ranks_for_size(spectra, budget, references)
        return
    ranks = ranks_for_size(spectra, budget, references)
    choices = itertools.product(*(range(min(1, len(values)), len(values) + 1) for values, _, _ in modules))
    sizes = [cost for _, cost, _ in modules]
    fitting = [c for c in choices if sum(k * cost for k, cost in zip(c, sizes, strict=True)) <= budget]
    assert tuple(ranks.values()) in fitting
    best = min(lost(modules, choice) for choice in fitting)
    mine = lost(modules, ranks.values())
    slack = max(
        [0.0, *((v / r) ** 2 for (values, _, r), k in zip(modules, ranks.values(), strict=True) for v in values[k:])]
    )
    assert mine - best <= slack * (1 + 1e-9)
    if len(set(sizes)) == 1:
        assert mine == pytest.approx(best, rel=1e-9, abs=1e-12)


def test_what_counts_is_the_square_saved_per_byte() -> None:
    wide, narrow = Spectrum(torch.tensor([5.0, 1.0]), 3), Spectrum(torch.tensor([5.0, 0.5]), 1)
    assert ranks_for_size({"wide": wide, "narrow": narrow}, 4 + 3) == {"wide": 2, "narrow": 1}


def test_a_reference_shifts_rank_to_the_weaker_layer() -> None:
    spectra = {name: Spectrum(torch.tensor([4.0, 3.0, 2.0, 1.0]) * size, 10) for name, size in (("a", 1.0), ("b", 0.1))}
    assert ranks_for_size(spectra, 50) == {"a": 4, "b": 1}
    assert ranks_for_size(spectra, 60, {"a": 1.0, "b": 0.1}) == {"a": 3, "b": 3}
    assert ranks_for_size(spectra, 10**9) == {"a": 4, "b": 4}
    with pytest.raises(ValueError, match="no norm"):
        ranks_for_size(spectra, 60, {"a": 1.0, "b": 0.0})
