"""Which algorithm a module is, and what is said of one that is incomplete or inconsistent."""

import contextlib
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import LoraFileError, NeedsBaseError, UnsupportedLoraError
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.header import TensorInfo
from lib_lbw.lora.roles import algorithm_of, rank_of
from tests.lora.make_lora import FORMS, as_module, make_roles

ALGORITHMS = {
    "lora": "lora",
    "tucker": "lora",
    "loha": "loha",
    "loha_tucker": "loha",
    **dict.fromkeys(("lokr", "lokr_pairs", "lokr_first_pair", "lokr_full", "lokr_spread", "lokr_tucker"), "lokr"),
    "full": "full",
    "norm": "norm",
    "ia3": "ia3",
    "ia3_input": "ia3",
    **dict.fromkeys(("glora", "glora_old", "glora_tucker"), "glora"),
    **dict.fromkeys(("oft", "oft_rescaled", "oft_diag"), "oft"),
    "boft": "boft",
    **{"dora": "lora", "dora_input": "lora", "doha": "loha", "dokr": "lokr", "set": "set"},
}
RANKED = {"lora", "loha", "glora"}


def infos(**shapes):
    return {role: TensorInfo(f"m.{role}", "F32", tuple(shape), 0, 0) for role, shape in shapes.items()}


@pytest.mark.parametrize("form", FORMS)
def test_the_algorithm_follows_from_the_roles(form):
    module = as_module(make_roles(form, (8, 6, 3, 3), rank=2))
    assert module.algorithm == ALGORITHMS[form]
    assert module.dora == form.startswith("do")
    assert module.tucker == ("tucker" in form)
    ranked = module.algorithm in RANKED or (module.algorithm == "lokr" and form != "lokr_full")
    assert module.rank == (2 if ranked else None)


def test_the_rank_of_lokr_is_that_of_its_second_half():
    tensors = infos(lokr_w1_a=(2, 3), lokr_w1_b=(3, 2), lokr_w2_a=(2, 5), lokr_w2_b=(5, 2))
    assert rank_of("lokr", tensors) == 5


def missing():
    for form in FORMS:
        roles = make_roles(form, (8, 6, 3, 3), rank=2)
        for role in roles.keys() - {"dora_scale", "rescale", "diff", "diff_b", "w_norm", "b_norm", "lora_mid", "bm"}:
            if len(roles) > 1 and role != "lokr_t2":
                yield form, role


@pytest.mark.parametrize(("form", "role"), sorted(missing()))
def test_a_missing_partner_is_named(form, role):
    roles = make_roles(form, (8, 6, 3, 3), rank=2)
    del roles[role]
    if not roles.keys() - {"rescale", "dora_scale"}:
        role = "oft_blocks"
    with pytest.raises(LoraFileError, match=rf"^x has .* without .*{role}"):
        as_module(roles)


def test_a_module_without_a_weight_is_refused():
    with pytest.raises(LoraFileError, match="m has alpha and no weight"):
        algorithm_of("m", infos(alpha=()))
    with pytest.raises(LoraFileError, match=r"m has bias without lora_down, lora_up\."):
        algorithm_of("m", infos(bias=(3,)))


def test_two_algorithms_in_one_module_are_refused():
    with pytest.raises(UnsupportedLoraError, match="x mixes full and lora"):
        as_module(make_roles("lora", (8, 6)) | {"diff": torch.zeros(8, 6)})


@pytest.mark.parametrize("role", ["lokr_t1", "reshape_weight"])
def test_what_cannot_be_applied_is_refused(role):
    with pytest.raises(UnsupportedLoraError, match=f"x: {role} is not supported"):
        as_module(make_roles("lokr", (8, 6)) | {role: torch.zeros(2)})


MISFITS = {
    "lora_up [8, 4] does not fit lora_down [5, 6]": infos(lora_up=(8, 4), lora_down=(5, 6)),
    "lora_up [8, 4] does not fit lora_mid": infos(lora_up=(8, 4), lora_mid=(3, 4, 3, 3), lora_down=(4, 6)),
    "lora_mid [4, 3, 3, 3] does not fit": infos(lora_up=(8, 4), lora_mid=(4, 3, 3, 3), lora_down=(4, 6)),
    "hada_w1_a [8, 4] does not fit hada_w1_b [3, 6]": infos(
        hada_w1_a=(8, 4), hada_w1_b=(3, 6), hada_w2_a=(8, 4), hada_w2_b=(4, 6)
    ),
    "hada_w1_b [4, 6] does not fit hada_w2_b [4, 7]": infos(
        hada_w1_a=(8, 4), hada_w1_b=(4, 6), hada_w2_a=(8, 4), hada_w2_b=(4, 7)
    ),
    "hada_t1 [4, 4, 3, 3] does not fit hada_t2 [4, 4, 3, 1]": infos(
        **dict.fromkeys(("hada_w1_a", "hada_w2_a"), (4, 8)),
        **dict.fromkeys(("hada_w1_b", "hada_w2_b"), (4, 6)),
        **{"hada_t1": (4, 4, 3, 3), "hada_t2": (4, 4, 3, 1)},
    ),
    "lokr_w2_a [4, 2] does not fit lokr_w2_b [3, 4]": infos(lokr_w1=(2, 2), lokr_w2_a=(4, 2), lokr_w2_b=(3, 4)),
    "a1 [6, 2] does not fit a2 [3, 6]": infos(a1=(6, 2), a2=(3, 6), b1=(8, 2), b2=(2, 6)),
    "b1 [8, 2] does not fit b2 [3, 6]": infos(a1=(6, 2), a2=(2, 6), b1=(8, 2), b2=(3, 6)),
    "b1 [8, 3] does not fit a1 [6, 2]": infos(a1=(6, 2), a2=(2, 6), b1=(8, 3), b2=(3, 6)),
    "oft_blocks [2, 3, 4] does not fit": infos(oft_blocks=(2, 3, 4)),
    "m.lora_up has the impossible shape [8]": infos(lora_up=(8,), lora_down=(1, 6)),
    "m.lora_up has the impossible shape [8, 4, 3, 3]": infos(lora_up=(8, 4, 3, 3), lora_down=(4, 6)),
    "m.lora_up has the impossible shape [8, 0]": infos(lora_up=(8, 0), lora_down=(0, 6)),
    "m.hada_w1_a has the impossible shape [8, 4, 1, 1]": infos(
        hada_w1_a=(8, 4, 1, 1), hada_w1_b=(4, 6), hada_w2_a=(8, 4), hada_w2_b=(4, 6)
    ),
}


@pytest.mark.parametrize(("sentence", "tensors"), MISFITS.items(), ids=MISFITS)
def test_shapes_that_do_not_fit_are_named(sentence, tensors):
    with pytest.raises(LoraFileError) as caught:
        algorithm_of("m", tensors)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_whatever_the_shapes_there_is_a_delta_or_a_refusal(form, data):
    own = {"norm": (8,)}.get(form, (8, 6, 3, 3))
    roles = make_roles(form, own, rank=2)
    role = data.draw(st.sampled_from(sorted(roles)))
    shape = data.draw(
        st.permutations(roles[role].shape)
        | st.lists(st.sampled_from([0, 1, 2, 3, 4, 6, 8, 54]), max_size=5).filter(lambda sizes: math.prod(sizes) < 5000)
    )
    roles[role] = torch.ones(tuple(shape), dtype=torch.float64)
    base = data.draw(st.sampled_from([(8, 6, 3, 3), (8, 6), (8, 54), (8,), ()]))
    with contextlib.suppress(LoraFileError, NeedsBaseError):
        module = as_module(roles)
        assert module_delta(module, roles, base=torch.ones(base), dtype=torch.float64).weight.shape == base
        module_delta(module, roles)
