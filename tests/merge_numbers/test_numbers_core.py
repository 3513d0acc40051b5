"""Core space, TIES, DARE and projections: exact where they must be, and free of how a delta is factored."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import MergeError
from lib_lbw.merge.numbers.core import CoreSpace
from lib_lbw.merge.numbers.interference import dare, ties
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.measures import energy
from lib_lbw.merge.numbers.parts import project
from tests.merge_numbers.make_terms import low_ranks, norm, parts_norm, random_low_rank, term_lists, turned

A, B, C = (random_low_rank(seed, 15, 12, rank) for seed, rank in ((1, 3), (2, 4), (3, 2)))


@given(term_lists())
def test_the_space_holds_every_term(given_terms) -> None:
    terms, _ = given_terms
    space = CoreSpace.of(terms)
    for basis in (space.left, space.right.T):
        torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1], dtype=torch.float64), rtol=0, atol=1e-12)
    for term, core in zip(terms, space.cores, strict=True):
        assert norm(space.back(core).dense() - term.dense()) <= 1e-11 * parts_norm(term)
    assert len(space.cores[0]) <= sum(term.rank for term in terms)


def test_the_cores_depend_on_the_deltas_only() -> None:
    plain, other = CoreSpace.of([A, B]), CoreSpace.of([turned(A, 5), turned(B, 6)])
    for one, two in zip(plain.cores, other.cores, strict=True):
        torch.testing.assert_close(one.abs(), two.abs(), rtol=0, atol=1e-9)


def ties_by_entry(terms: list[LowRank], cs: list[float], density: float, average: bool) -> torch.Tensor:
    """The definition, entry by entry."""
    space = CoreSpace.of(terms)
    trimmed = []
    for core in space.cores:
        keep = -int(-density * core.numel() // 1)
        limit = sorted(core.abs().flatten().tolist(), reverse=True)[keep - 1]
        trimmed.append(torch.where(core.abs() >= limit, core, 0.0))
    merged = torch.zeros_like(trimmed[0])
    for place in torch.cartesian_prod(*(torch.arange(side) for side in merged.shape)).tolist():
        entries = [c * float(core[tuple(place)]) for c, core in zip(cs, trimmed, strict=True)]
        elected = sum(entries)
        agreeing = [entry for entry in entries if entry * elected > 0]
        merged[tuple(place)] = sum(agreeing) / (max(1, len(agreeing)) if average else 1)
    return space.back(merged).dense()


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("density", [0.05, 0.3, 1.0])
def test_ties_is_its_definition(density: float, average: bool) -> None:
    cs = [0.8, -0.5, 1.5]
    found = ties([A, B, C], cs, density, average=average).dense()
    torch.testing.assert_close(found, ties_by_entry([A, B, C], cs, density, average), rtol=0, atol=1e-12)


@pytest.mark.parametrize("density", [0.2, 1.0])
def test_the_result_is_that_of_the_deltas_not_of_the_factors(density: float) -> None:
    plain = ties([A, B], [1.0, 0.5], density).dense()
    other = ties([turned(A, 5), turned(B, 6)], [1.0, 0.5], density).dense()
    torch.testing.assert_close(plain, other, rtol=0, atol=1e-8)
    apart = ties([A, B], [1.0, 0.5], 1.0).dense() - (A.dense() + 0.5 * B.dense())
    assert norm(apart) > 0.1 * norm(A.dense())  # it does something


def test_a_tie_elects_nobody() -> None:
    assert norm(ties([A, A], [1.0, -1.0], 1.0).dense()) == 0
    assert norm(ties([A, turned(A, 4)], [1.0, -1.0], 1.0).dense()) < 1e-9 * norm(A.dense())


def test_ties_of_one_and_of_equals() -> None:
    torch.testing.assert_close(ties([A], [-0.5], 1.0).dense(), -0.5 * A.dense())
    torch.testing.assert_close(ties([A, A], [1.0, 0.5], 1.0).dense(), 1.5 * A.dense())
    torch.testing.assert_close(ties([A, A], [1.0, 0.5], 1.0, average=True).dense(), 0.75 * A.dense())
    torch.testing.assert_close(ties([A, A], [1.0, 0.0], 1.0, average=True).dense(), A.dense())


@given(st.floats(0.01, 100), st.floats(0.01, 1))
def test_ties_is_linear_in_a_common_ratio(factor: float, density: float) -> None:
    plain = ties([A, B], [1.0, -0.5], density).dense()
    torch.testing.assert_close(ties([A, B], [factor, -0.5 * factor], density).dense(), factor * plain)


def test_dare_is_the_sum_on_average() -> None:
    wanted = 0.7 * A.dense() - 0.4 * B.dense()
    torch.testing.assert_close(dare([A, B], [0.7, -0.4], 1.0, 0).dense(), wanted)
    drawn = torch.stack([dare([A, B], [0.7, -0.4], 0.5, seed).dense() for seed in range(600)])
    assert norm(drawn[0] - wanted) > 0.3 * norm(wanted)
    assert norm(drawn.mean(0) - wanted) < 0.08 * norm(wanted)


def test_dare_draws_from_its_seed_alone() -> None:
    one, again, other = (dare([A, B], [1.0, 1.0], 0.5, seed) for seed in (3, 3, 4))
    assert torch.equal(one.dense(), again.dense())
    assert not torch.equal(one.dense(), other.dense())
    assert norm(dare([A, A], [1.0, -1.0], 0.5, 3).dense()) > 0.1  # each term its own entries


@pytest.mark.parametrize("density", [0.0, -0.1, 1.1, float("nan")])
def test_an_impossible_density_is_refused(density: float) -> None:
    with pytest.raises(MergeError, match="The density must be above 0"):
        ties([A], [1.0], density)
    with pytest.raises(MergeError, match="The density must be above 0"):
        dare([A], [1.0], density, 0)


@given(low_ranks((9, 8)), low_ranks((9, 8)))
def test_common_and_unique_make_the_whole(a: LowRank, b: LowRank) -> None:
    common, unique = project(a, b, "common"), project(a, b, "unique")
    size = parts_norm(a)
    assert norm(common.dense() + unique.dense() - a.dense()) <= 1e-12 * size
    assert abs(float((common.dense() * unique.dense()).sum())) <= 1e-12 * size**2
    assert norm(project(common, b, "common").dense() - common.dense()) <= 1e-11 * size
    assert energy(common) <= energy(a) + 1e-12 * size**2


def test_the_common_part_depends_on_the_deltas_only() -> None:
    plain = project(A, B, "common").dense()
    torch.testing.assert_close(project(turned(A, 5), turned(B, 6), "common").dense(), plain, rtol=0, atol=1e-10)
    torch.testing.assert_close(project(A, LowRank(B.up * 1e-9, B.down * 1e3), "common").dense(), plain)


def test_projections_that_can_be_told_beforehand() -> None:
    torch.testing.assert_close(project(A, A, "common").dense(), A.dense())
    left, right = torch.eye(15, dtype=torch.float64)[:, :6], torch.eye(12, dtype=torch.float64)[:5]
    corner = project(A, LowRank(left @ random_low_rank(1, 6, 5, 5).dense(), right), "common").dense()
    wanted = torch.zeros(15, 12, dtype=torch.float64)
    wanted[:6, :5] = A.dense()[:6, :5]
    columns = torch.linalg.qr(random_low_rank(1, 6, 5, 5).dense()).Q
    wanted[:6] = columns @ columns.T @ wanted[:6]
    torch.testing.assert_close(corner, wanted)
    nothing = LowRank(A.up[:, :0], A.down[:0])
    assert norm(project(A, nothing, "common").dense()) == 0
    torch.testing.assert_close(project(A, nothing, "unique").dense(), A.dense())
