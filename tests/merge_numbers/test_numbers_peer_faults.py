"""What other merge tools get wrong, each as a case: the fault written out beside what comes out here."""

import math

import pytest
import torch

from lib_lbw.merge.distance import between
from lib_lbw.merge.numbers.interference import ties
from lib_lbw.merge.numbers.low_rank import LowRank, concat
from lib_lbw.merge.numbers.parts import project
from lib_lbw.merge.numbers.ranks import SvCumulative, SvFro, SvRatio
from lib_lbw.merge.numbers.reduce import reduce
from lib_lbw.merge.numbers.terms import total
from tests.merge_numbers.make_terms import norm, random_low_rank, turned, with_spectrum

A, B = random_low_rank(1, 48, 40, 8), random_low_rank(2, 48, 40, 8)
SMALL = random_low_rank(3, 48, 40, 4, size=0.25)


def error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return norm(found - wanted) / norm(wanted)


def best_scale(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found * wanted).sum() / (wanted * wanted).sum())


@pytest.mark.parametrize("ratio", [0.5, 0.25, 2.0, -0.5])
def test_ratio_is_linear_not_squared(ratio: float) -> None:
    for made in (concat([A], [ratio]), reduce(concat([A], [ratio]), 8).factors):
        assert best_scale(made.dense(), A.dense()) == pytest.approx(ratio, rel=1e-12)
        assert best_scale(made.dense(), A.dense()) != pytest.approx(ratio**2)
        assert abs(best_scale(made.dense(), A.dense())) != pytest.approx(math.sqrt(abs(ratio)))


def test_a_negative_ratio_is_not_positive() -> None:
    torch.testing.assert_close(concat([A], [-1.0]).dense(), -A.dense())
    torch.testing.assert_close(reduce(concat([A, B], [1.0, -1.0]), 16).factors.dense(), A.dense() - B.dense())


def test_concat_is_not_half_strength() -> None:
    made, wanted = concat([A, B], [1.0, 1.0]).dense(), A.dense() + B.dense()
    assert best_scale(made, wanted) == pytest.approx(1.0, rel=1e-12)


def test_concat_of_unequal_ranks_and_strengths_is_balanced() -> None:
    made = concat([A, SMALL], [0.7, -1.3])
    assert made.rank == 12
    assert error(made.dense(), 0.7 * A.dense() - 1.3 * SMALL.dense()) < 1e-14


def test_the_sum_is_not_that_of_the_factors() -> None:
    wanted = A.dense() + B.dense()
    peers = (A.up + B.up) @ (A.down + B.down)
    assert error(peers, wanted) > 0.8
    assert error(reduce(concat([A, B], [1.0, 1.0]), 16).factors.dense(), wanted) < 1e-12


@pytest.mark.parametrize("spectrum", [[0.9**i for i in range(8)], [50 * 0.5**i for i in range(8)]])
def test_no_clamp(spectrum: list[float]) -> None:
    f = with_spectrum(1, 48, 40, spectrum)
    assert error(reduce(f, 8).factors.dense(), f.dense()) < 1e-12
    left, singular, right = torch.linalg.svd(f.dense(), full_matrices=False)
    left, right = left[:, :8] * singular[:8], right[:8]
    limit = float(torch.cat([left.flatten(), right.flatten()]).quantile(0.99))
    assert error(left.clamp(-limit, limit) @ right.clamp(-limit, limit), f.dense()) > 0.05  # what they write


def test_rank_rules_are_not_one_too_high() -> None:
    singular = torch.tensor([10, 5, 2, 1, 0.5, 0.25, 0.125])
    assert SvRatio(6).rank(singular) == 3
    assert SvFro(0.95).rank(singular) == 2
    assert SvCumulative(0.8).rank(singular) == 3


def test_a_kernel_is_not_capped_by_its_channels() -> None:
    f = random_low_rank(1, 30, 3 * 9, 20)  # 3 channels in, 3x3
    assert reduce(f, 20).factors.rank == 20
    assert error(reduce(f, 20).factors.dense(), f.dense()) < 1e-12


def test_ties_and_parts_are_of_the_delta_not_of_the_factors() -> None:
    a, b = turned(A, 8), turned(B, 9)
    assert error(ties([a, b], [1.0, 1.0], 0.4).dense(), ties([A, B], [1.0, 1.0], 0.4).dense()) < 1e-7
    assert error(project(a, b, "common").dense(), project(A, B, "common").dense()) < 1e-10

    def factor_by_factor(one: LowRank, two: LowRank) -> torch.Tensor:
        up, down = torch.stack([one.up, two.up]), torch.stack([one.down, two.down])
        return torch.where(up.prod(0) > 0, up.sum(0), 0.0) @ torch.where(down.prod(0) > 0, down.sum(0), 0.0)

    assert error(factor_by_factor(a, b), factor_by_factor(A, B)) > 0.5  # theirs


def test_no_fp32_detour_loses_a_slider() -> None:
    near = concat([A, LowRank(SMALL.up * 1e-5, SMALL.down)], [1.0, 1.0])
    slider = reduce(concat([near, A], [1.0, -1.0]), 16)
    assert slider.factors.rank == SMALL.rank
    assert between(slider.factors, total([SMALL], [1e-5])).error < 1e-9
