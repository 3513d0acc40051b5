"""Dense deltas and Kronecker products against numpy, and sums of terms of all kinds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.lora.algorithms import lokr
from lib_lbw.merge.numbers import dense as dense_room
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.measures import energy
from lib_lbw.merge.numbers.reduce import decompose, reduce
from lib_lbw.merge.numbers.terms import Kron, dense, shape_of, total
from tests.merge_numbers.make_terms import norm, numpy_values, random_low_rank, scales, with_spectrum

sides = st.integers(1, 12)


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 99), sides, sides, st.one_of(st.none(), st.integers(0, 15)), st.sampled_from([1e-20, 1.0, 1e15]))
def test_small_matrices_are_exact(seed: int, o: int, n: int, rank: int | None, size: float) -> None:
    matrix = noise(seed, o, n) * size
    values = numpy_values(matrix)
    found = decompose(matrix, rank)
    np.testing.assert_allclose(found.singular, values[: len(found.singular)], rtol=0, atol=1e-6 * values[0])
    for k in range(len(found.singular) + 1):
        cut = found.cut(k)
        best = float(np.sqrt((values[k:] ** 2).sum()))
        assert norm(matrix.double() - cut.factors.dense()) <= best + 1e-7 * norm(matrix)
        assert cut.kept == pytest.approx((values[:k] ** 2).sum() / (values**2).sum(), abs=1e-9)


@pytest.mark.parametrize("shape", [(400, 320), (320, 400)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_sampling_comes_within_a_hair_of_the_best(shape: tuple[int, int], dtype: torch.dtype) -> None:
    f = with_spectrum(1, *shape, [1 / (1 + i) for i in range(300)])  # a long tail, the hard case
    matrix = f.dense().to(dtype)
    values = numpy_values(matrix)
    cut = reduce(matrix, 16, seed_of("module"))
    best = float(np.sqrt((values[16:] ** 2).sum()))
    assert cut.factors.up.dtype == torch.float64
    assert best * (1 - 1e-6) <= norm(matrix.double() - cut.factors.dense()) <= best * 1.0002
    np.testing.assert_allclose(cut.singular, values[:16], rtol=1e-4)
    assert cut.error == pytest.approx(best / norm(matrix), rel=1e-3)


def test_sampling_is_reproducible_and_the_seed_is_the_name() -> None:
    matrix = noise(1, 300, 280)
    one, again, other = (reduce(matrix, 4, seed_of(name)) for name in ("a", "a", "b"))
    assert torch.equal(one.factors.up, again.factors.up)
    assert not torch.equal(one.factors.up, other.factors.up)
    assert seed_of("a") == int("ca978112ca1bbd", 16)  # sha256 of "a" begins so


def test_sampling_leaves_the_random_numbers_of_the_program_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    reduce(noise(1, 300, 280), 4, 7)
    assert torch.equal(torch.rand(3), wanted)


def test_large_ranks_are_not_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_room, "_sampled", None)
    matrix = noise(1, 300, 280)
    for rank in (None, 71, 280, 1000):
        assert len(decompose(matrix, rank).singular) == min(280, rank or 280)


def test_a_sampled_matrix_of_low_rank_is_exact() -> None:
    f = random_low_rank(1, 300, 280, 8)
    cut = reduce(f.dense().float(), 32, 0)
    assert cut.factors.rank == 8
    assert norm(cut.factors.dense() - f.dense()) < 1e-6 * norm(f.dense())


def test_a_convolution_is_flattened_and_zero_has_no_rank() -> None:
    kernel = noise(1, 8, 4, 3, 3)
    assert reduce(kernel, 99).factors.shape == (8, 36)
    assert norm(reduce(kernel, 8).factors.dense() - kernel.flatten(1)) < 1e-6
    assert reduce(torch.zeros(300, 280), 4).factors.shape == (300, 280)
    assert reduce(torch.zeros(300, 280), 4).factors.rank == 0
    with pytest.raises(ValueError, match="-1"):
        reduce(kernel, -1, 0)


@given(st.integers(0, 99), sides, sides, sides, sides, st.sampled_from([0.0, 1.0, 1e-20]))
def test_a_kronecker_product_from_its_two_small_decompositions(seed, a, c, b, d, size) -> None:
    kron = Kron(noise(seed, a, c) * size, noise(seed + 1, b, d))
    matrix = torch.from_numpy(np.kron(kron.first.double().numpy(), kron.second.double().numpy()))
    values = numpy_values(matrix)
    found = decompose(kron)
    assert shape_of(kron) == tuple(matrix.shape)
    assert len(found.singular) == (min(a, c) * min(b, d) if size else 0)
    np.testing.assert_allclose(found.singular, values[: len(found.singular)], rtol=0, atol=1e-12 * values[0])
    k = max(1, len(found.singular) // 2)
    best = float(np.sqrt((values[k:] ** 2).sum()))
    assert norm(matrix - found.cut(k).factors.dense()) <= best + 1e-12 * norm(matrix)
    assert energy(kron) == pytest.approx((values**2).sum())


def test_a_lokr_convolution_is_a_kronecker_product() -> None:
    first, second = noise(1, 3, 2), noise(2, 4, 5, 3, 3)
    wanted = lokr.delta({"lokr_w1": first, "lokr_w2": second}).flatten(1)
    torch.testing.assert_close(dense(Kron(first, second.flatten(1))), wanted)
    torch.testing.assert_close(reduce(Kron(first, second.flatten(1)), 99).factors.dense().float(), wanted)


@given(st.lists(st.tuples(st.sampled_from(["thin", "kron", "full"]), scales), min_size=1, max_size=4))
def test_terms_of_all_kinds_add_up(kinds: list[tuple[str, float]]) -> None:
    made = {
        "thin": random_low_rank(1, 6, 8, 3),
        "kron": Kron(noise(2, 3, 2).double(), noise(3, 2, 4).double()),
        "full": noise(4, 6, 2, 2, 2).double(),
    }
    terms, cs = [made[kind] for kind, _ in kinds], [c for _, c in kinds]
    result = total(terms, cs)
    wanted = sum(c * dense(term) for term, c in zip(terms, cs, strict=True))
    torch.testing.assert_close(dense(result), wanted, rtol=0, atol=1e-12)
    used = {kind for kind, c in kinds if c}
    if used <= {"thin"}:
        assert isinstance(result, LowRank)
    assert energy(result) == pytest.approx(norm(wanted) ** 2, rel=1e-9, abs=1e-12)


def test_one_kronecker_product_stays_one_and_half_precision_is_summed_wide() -> None:
    kron = Kron(noise(2, 3, 2), noise(3, 2, 4))
    alone = total([kron, noise(1, 6, 8)], [-0.5, 0.0])
    assert isinstance(alone, Kron)
    torch.testing.assert_close(alone.dense(), -0.5 * kron.dense())
    assert total([noise(1, 6, 8).half()], [1.0]).dtype == torch.float32
    full = noise(1, 6, 8)
    kept = full.clone()
    total([full, full], [1.0, 2.0])
    assert torch.equal(full, kept)


def test_all_values_of_each_kind() -> None:
    f = random_low_rank(1, 12, 9, 4)
    torch.testing.assert_close(decompose(f.dense()).singular[:4], decompose(f).singular, rtol=1e-9, atol=0)
    assert len(decompose(f.dense()).singular) == 4
