"""The cosine of two deltas, and its random baseline against drawn subspaces."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.overlap import Overlap, overlap
from tests.merge_numbers.make_terms import random_low_rank, turned, with_spectrum

DRAWS = 20_000


def haar(seed: int, side: int, rank: int) -> torch.Tensor:
    """Orthonormal columns drawn uniformly, [DRAWS, side, rank]."""
    normal = torch.randn(DRAWS, side, rank, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    basis, upper = torch.linalg.qr(normal)
    return basis * upper.diagonal(dim1=1, dim2=2).sign()[:, None]


def drawn_products(seed: int, o: int, n: int, a: list[float], b: list[float]) -> torch.Tensor:
    """<A, B> for A of random subspaces and B on the axes, with singular values a and b."""
    left, right = haar(seed, o, len(a))[:, : len(b)], haar(seed + 1, n, len(a))[:, : len(b)]
    return torch.einsum("dbi,dbi,i,b->d", left, right, torch.tensor(a).double(), torch.tensor(b).double())


SPECTRA = [
    ([1.0], [1.0]),
    ([1.0] * 8, [1.0] * 8),
    ([1.0] * 4, [2.0]),
    ([4.0, 1.0, 0.1], [3.0, 0.5]),
    ([0.5**i for i in range(8)], [0.8**i for i in range(6)]),
]


@pytest.mark.parametrize(("a", "b"), SPECTRA)
@pytest.mark.parametrize(("o", "n"), [(40, 64), (72, 32)])
def test_the_baseline_is_what_random_subspaces_give(o: int, n: int, a: list[float], b: list[float]) -> None:
    products = drawn_products(1, o, n, a, b)
    found = overlap(with_spectrum(1, o, n, a), with_spectrum(2, o, n, b))
    size = math.sqrt(found.energy_a * found.energy_b)
    assert float(products.square().mean()) == pytest.approx(found.variance, rel=0.06)
    assert float(products.abs().mean()) / size == pytest.approx(found.expected, rel=0.06)


def test_the_baseline_of_a_block_of_several_modules() -> None:
    modules = [(40, 64, *SPECTRA[0]), (40, 32, *SPECTRA[3]), (72, 32, *SPECTRA[1])]
    products = sum(drawn_products(10 * i, *module) for i, module in enumerate(modules))
    block = sum(
        (overlap(with_spectrum(1, o, n, a), with_spectrum(2, o, n, b)) for o, n, a, b in modules), start=Overlap()
    )
    size = math.sqrt(block.energy_a * block.energy_b)
    assert float(products.abs().mean()) / size == pytest.approx(block.expected, rel=0.06)
    assert abs(block.cosine) < 5 * block.expected


def test_the_limits_in_closed_form() -> None:
    thin = overlap(with_spectrum(1, 50, 80, [3.0]), with_spectrum(2, 50, 80, [1.0]))
    assert thin.expected == pytest.approx(2 / math.pi / math.sqrt(50 * 80))
    broad = overlap(with_spectrum(1, 50, 80, [3.0] * 50), with_spectrum(2, 50, 80, [1.0] * 50))
    assert broad.expected == pytest.approx(math.sqrt(2 / math.pi / (50 * 80)), rel=1e-3)
    many = Overlap(0.0, 1.0, 1.0, 1e-6, 1e-12 / 1e9)
    assert many.expected == pytest.approx(math.sqrt(2 / math.pi) * 1e-3)


@given(st.integers(0, 99), st.integers(0, 99), st.floats(-1e6, 1e6).filter(lambda c: abs(c) > 1e-6))
def test_the_cosine_is_that_of_the_deltas(one: int, other: int, c: float) -> None:
    a, b = random_low_rank(one, 9, 8, 3), random_low_rank(other, 9, 8, 4)
    found = overlap(LowRank(a.up * c, a.down), turned(b, 1))
    wanted = torch.nn.functional.cosine_similarity(a.dense().flatten(), b.dense().flatten(), dim=0)
    assert found.cosine == pytest.approx(math.copysign(1, c) * float(wanted), abs=1e-8)
    assert found.expected == pytest.approx(overlap(a, b).expected, rel=1e-6)


def test_like_and_unlike() -> None:
    a = random_low_rank(1, 9, 8, 3)
    assert overlap(a, a).cosine == pytest.approx(1)
    assert overlap(a, LowRank(-a.up, a.down)).cosine == pytest.approx(-1)
    nothing = overlap(a, LowRank(a.up[:, :0], a.down[:0]))
    assert (nothing.cosine, nothing.expected) == (0.0, 0.0)
    assert (Overlap().cosine, Overlap().expected) == (0.0, 0.0)
    half = overlap(a, a) + Overlap(energy_a=overlap(a, a).energy_a)
    assert half.cosine == pytest.approx(math.sqrt(0.5))
