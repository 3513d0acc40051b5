"""Deltas against LyCORIS 4, the library that defined these formats.

Where LyCORIS is not followed: alpha 0 (it reads rank, the WebUI reads "no effect"), LoKr's `get_diff_weight` (it
multiplies by the scale twice; the functional form does not), and the rank its functional LoKr divides by when a Tucker
core transposes the factor (it also fails there on a 1 x 1 kernel). Therefore scales are passed to the functional
forms already computed.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lycoris.functional import boft, diag_oft, general, locon, loha, lokr
from lycoris.modules.glora import _glora_weight
from lycoris.modules.ia3 import _ia3_weight

from lib_lbw.lora.algorithms.dora import delta as dora_delta
from lib_lbw.lora.delta import module_delta
from tests.lora.make_lora import as_module, make_roles

LINEAR = st.tuples(st.integers(2, 12), st.integers(2, 12))
CONV = st.tuples(st.integers(2, 8), st.integers(2, 8), st.integers(1, 3), st.integers(1, 3))
SHAPES = LINEAR | CONV
RANKS = st.integers(1, 5)
ALPHAS = st.none() | st.floats(0.01, 64)
SEEDS = st.integers(0, 2**32 - 1)
cases = given(shape=SHAPES, rank=RANKS, alpha=ALPHAS, seed=SEEDS)
convolutions = given(shape=CONV, rank=RANKS, alpha=ALPHAS, seed=SEEDS)


def base_of(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)


def ours(roles, shape, seed, alpha=None, names="{role}"):
    delta = module_delta(as_module(roles, alpha, names=names), roles, base=base_of(shape, seed), dtype=torch.float64)
    assert delta.weight is not None
    assert delta.weight.shape == torch.Size(shape)
    return delta.weight


def same(found, expected, tolerance=1e-12):
    expected = expected.reshape(found.shape).to(found.dtype)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * float(expected.abs().max()))


def nearly(found, expected):
    """LyCORIS rotates in float32: the error is that of the weight, not of the small difference."""
    torch.testing.assert_close(found, expected.double(), rtol=1e-4, atol=2e-5)


def strength(alpha, rank):
    return 1.0 if alpha is None else alpha / rank


@cases
def test_lora_and_locon(shape, rank, alpha, seed):
    t = make_roles("lora", shape, rank, seed)
    expected = locon.diff_weight(t["lora_down"], t["lora_up"], None, gamma=strength(alpha, rank))
    same(ours(t, shape, seed, alpha), expected)


@convolutions
def test_locon_with_a_core(shape, rank, alpha, seed):
    t = make_roles("tucker", shape, rank, seed)
    expected = locon.diff_weight(t["lora_down"], t["lora_up"], t["lora_mid"], gamma=strength(alpha, rank))
    same(ours(t, shape, seed, alpha), expected)


@cases
def test_loha(shape, rank, alpha, seed):
    t = make_roles("loha", shape, rank, seed)
    factors = (t["hada_w1_b"], t["hada_w1_a"], t["hada_w2_b"], t["hada_w2_a"], None, None)
    expected = loha.diff_weight(*factors, gamma=torch.tensor(strength(alpha, rank), dtype=torch.float64))
    same(ours(t, shape, seed, alpha), expected)


@convolutions
def test_loha_with_cores(shape, rank, alpha, seed):
    t = make_roles("loha_tucker", shape, rank, seed)
    factors = (t[f"hada_{name}"] for name in ("w1_b", "w1_a", "w2_b", "w2_a", "t1", "t2"))
    expected = loha.diff_weight(*factors, gamma=torch.tensor(strength(alpha, rank), dtype=torch.float64))
    same(ours(t, shape, seed, alpha), expected)


@pytest.mark.parametrize("form", ["lokr", "lokr_pairs", "lokr_first_pair", "lokr_full", "lokr_spread", "lokr_tucker"])
@given(data=st.data(), rank=RANKS, alpha=ALPHAS, seed=SEEDS)
def test_lokr(form, data, rank, alpha, seed):
    shape = data.draw(CONV.filter(lambda s: min(s[2:]) > 1) if form == "lokr_tucker" else SHAPES)
    t = make_roles(form, shape, rank, seed)
    names = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")
    scale = 1.0 if form == "lokr_full" else strength(alpha, rank)
    same(ours(t, shape, seed, alpha), lokr.kron_weight(*(t.get(name) for name in names), scale=scale))


@cases
def test_glora(shape, rank, alpha, seed):
    rank = min(rank, shape[1] - 1)
    t, base = make_roles("glora", shape, rank, seed), base_of(shape, seed)
    expected = _glora_weight(base, t["a1"], t["a2"], t["b1"], t["b2"], None, strength(alpha, rank))
    same(ours(t, shape, seed, alpha), expected)
    same(ours(make_roles("glora_old", shape, rank, seed), shape, seed, alpha), expected)


@convolutions
def test_glora_with_a_core(shape, rank, alpha, seed):
    rank = min(rank, shape[1] - 1)
    t, base = make_roles("glora_tucker", shape, rank, seed), base_of(shape, seed)
    expected = _glora_weight(base, t["a1"], t["a2"], t["b1"], t["b2"], t["bm"], strength(alpha, rank))
    same(ours(t, shape, seed, alpha), expected)


@pytest.mark.parametrize("form", ["ia3", "ia3_input"])
@given(shape=SHAPES, alpha=ALPHAS, seed=SEEDS)
def test_ia3(form, shape, alpha, seed):
    t = make_roles(form, shape, 1, seed)
    expected = _ia3_weight(base_of(shape, seed), t["weight"], form == "ia3_input", 1.0, True)
    same(ours(t, shape, seed, alpha), expected)


@pytest.mark.parametrize("form", ["oft", "oft_rescaled"])
@given(shape=SHAPES, constraint=st.none() | st.just(0.0) | st.floats(0.01, 2), seed=SEEDS)
def test_diag_oft(form, shape, constraint, seed):
    t = {role: tensor.float() for role, tensor in make_roles(form, shape, 1, seed).items()}
    bound = None if constraint is None else constraint * shape[0]
    expected = diag_oft.diff_weight(base_of(shape, seed).float(), t["oft_blocks"], t.get("rescale"), constraint=bound)
    nearly(ours(t, shape, seed, constraint), expected)


@given(
    shape=st.one_of(
        st.tuples(st.sampled_from([2, 4, 6, 8, 12, 24]), st.integers(2, 5)),
        st.tuples(st.sampled_from([4, 8, 12]), st.integers(2, 3), st.just(3), st.just(3)),
    ),
    rescaled=st.booleans(),
    constraint=st.none() | st.just(0.0) | st.floats(0.01, 2),
    seed=SEEDS,
)
def test_boft(shape, rescaled, constraint, seed):
    t = {role: tensor.float() for role, tensor in make_roles("boft", shape, 1, seed).items()}
    if rescaled:
        t["rescale"] = torch.linspace(0.5, 2, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    bound = None if constraint is None else constraint * shape[0]
    expected = boft.diff_weight(base_of(shape, seed).float(), t["oft_blocks"], t.get("rescale"), constraint=bound)
    nearly(ours(t, shape, seed, constraint), expected)


@pytest.mark.parametrize(("form", "plain"), [("dora", "lora"), ("doha", "loha"), ("dokr", "lokr")])
@cases
def test_dora_on_rows(form, plain, shape, rank, alpha, seed):
    t, base = make_roles(form, shape, rank, seed), base_of(shape, seed)
    changed = base + ours({role: x for role, x in t.items() if role != "dora_scale"}, shape, seed, alpha)
    expected = general.weight_decompose(changed, t["dora_scale"], 1, wd_on_out=True) - base
    same(ours(t, shape, seed, alpha), expected, 1e-9)  # LyCORIS adds an epsilon to the norm
    assert as_module(t).algorithm == plain


@cases
def test_dora_on_columns(shape, rank, alpha, seed):
    t, base = make_roles("dora_input", shape, rank, seed), base_of(shape, seed)
    changed = base + ours({role: x for role, x in t.items() if role != "dora_scale"}, shape, seed, alpha)
    expected = general.weight_decompose(changed, t["dora_scale"], 1, wd_on_out=False) - base
    same(ours(t, shape, seed, alpha), expected, 1e-9)


def test_a_row_that_vanishes_stays_zero():
    base = torch.ones(2, 3)
    plain = torch.tensor([[-1.0, -1, -1], [0, 0, 0]])
    delta = dora_delta(base, plain, torch.tensor([[2.0], [3.0]]), peft=False)
    assert torch.equal(delta[0], -base[0])
    assert torch.isfinite(delta).all()
