"""Rules of the delta that no other library states: strength, alpha, biases, order of GLoRA, what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import NeedsBaseError, UnsupportedLoraError
from lib_lbw.lora.algorithms.dora import magnitude_axis
from lib_lbw.lora.algorithms.oft import cayley
from lib_lbw.lora.delta import module_delta
from tests.lora.make_lora import FORMS, as_module, make_roles

SHAPES = {"norm": (8,), "tucker": (8, 6, 3, 3), "loha_tucker": (8, 6, 3, 3), "lokr_tucker": (8, 6, 3, 3)}
SHAPES["glora_tucker"] = (8, 6, 3, 3)
NEED_BASE = [form for form in FORMS if as_module(make_roles(form, SHAPES.get(form, (8, 6)))).needs_base]
SCALED = ["lora", "loha", "lokr", "glora", "lokr_pairs"]


def base_of(form):
    return torch.linspace(-1, 1, torch.Size(SHAPES.get(form, (8, 6))).numel()).reshape(SHAPES.get(form, (8, 6)))


def weight(form, alpha=None, *, dtype=torch.float64, extra=None):
    roles = make_roles(form, SHAPES.get(form, (8, 6))) | (extra or {})
    return module_delta(as_module(roles, alpha), roles, base=base_of(form), dtype=dtype).weight


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_a_delta_of_the_shape_of_its_layer(form):
    for dtype in (torch.float32, torch.float64):
        found = weight(form, dtype=dtype)
        assert found.shape == base_of(form).shape
        assert found.dtype == dtype
        assert torch.isfinite(found).all()
        assert found.abs().max() > 1e-3


@pytest.mark.parametrize("form", SCALED)
@given(alpha=st.floats(-1e6, 1e6))
def test_the_delta_is_linear_in_alpha(form, alpha):
    torch.testing.assert_close(weight(form, alpha), weight(form) * (alpha / 4), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", SCALED)
def test_alpha_zero_is_no_effect_and_no_alpha_is_full_strength(form):
    assert not weight(form, 0.0).any()
    assert torch.equal(weight(form), weight(form, 4.0))


@pytest.mark.parametrize("alpha", [1e10, 9e15, 0.0, 1.0])
def test_two_full_kronecker_factors_ignore_alpha(alpha):
    assert torch.equal(weight("lokr_full", alpha), weight("lokr_full"))


@pytest.mark.parametrize("form", [*SCALED, "full", "norm", "ia3", "lokr_full"])
def test_a_scale_tensor_overrides_alpha(form):
    found = weight(form, 77.0, extra={"scale": torch.tensor(0.25)})
    torch.testing.assert_close(found, weight(form) * 0.25)


@pytest.mark.parametrize("form", ["full", "norm", "ia3", "set"])
def test_alpha_without_a_rank_does_not_count(form):
    assert torch.equal(weight(form, 123.0), weight(form))


def test_an_orthogonal_module_takes_alpha_for_its_constraint_and_zero_for_none():
    assert torch.equal(weight("oft", 0.0), weight("oft"))
    assert weight("oft", 1e-3).abs().max() < 0.1 * weight("oft").abs().max()
    rotation = cayley(make_roles("boft", (8, 6))["oft_blocks"], 0.01, 8)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(2, dtype=torch.float64).expand_as(rotation))


def test_the_constraint_bounds_all_blocks_together():
    skew = torch.tensor([[[0.0, 3.0], [0, 0]], [[0, 4.0], [0, 0]]], dtype=torch.float64)
    kept = torch.linalg.vector_norm(skew - skew.mT)
    assert torch.equal(cayley(skew, float(kept), 1), cayley(skew, None, 1))
    torch.testing.assert_close(cayley(skew, float(kept) / 2, 1), cayley(skew / 2, None, 1))


def test_the_oldest_orthogonal_files_hold_the_rotation_itself():
    quarter = torch.tensor([[[0.0, -1], [1, 0]]])
    roles = {"oft_diag": quarter}
    base = torch.tensor([[1.0, 2], [3, 4]])
    delta = module_delta(as_module(roles), roles, base=base)
    assert torch.equal(delta.weight, quarter[0].T @ base - base)


@pytest.mark.parametrize("form", NEED_BASE)
def test_what_depends_on_the_base_says_so(form):
    roles = make_roles(form, SHAPES.get(form, (8, 6)))
    with pytest.raises(NeedsBaseError, match=r"x: .* needs the base weight"):
        module_delta(as_module(roles), roles)


def test_the_forms_that_need_the_base_are_these():
    starts = ("ia3", "glora", "oft", "boft", "dora", "doha", "dokr", "set")
    assert [form for form in FORMS if form.startswith(starts)] == NEED_BASE


def test_without_a_base_the_kernel_is_kept_where_the_file_has_it():
    for form, shape in {
        "lora": (8, 6, 3, 3),
        "tucker": (8, 6, 3, 3),
        "lokr_spread": (8, 6, 3, 3),
        "loha": (8, 54),
    }.items():
        roles = make_roles(form, (8, 6, 3, 3))
        assert module_delta(as_module(roles), roles).weight.shape == torch.Size(shape)


def test_a_linear_delta_fits_a_one_by_one_convolution():
    roles = make_roles("lora", (8, 6))
    base = torch.zeros(8, 6, 1, 1)
    found = module_delta(as_module(roles), roles, base=base, dtype=torch.float64).weight
    assert torch.equal(found[..., 0, 0], module_delta(as_module(roles), roles, dtype=torch.float64).weight)


ONE_AXIS = {"ia3": 0, "ia3_input": 1, "oft": 0, "oft_diag": 0, "oft_rescaled": 0, "boft": 0}
"""Forms that know the length of one axis of the layer only."""


def misfits():
    for form in FORMS:
        own, axis = SHAPES.get(form, (8, 6)), ONE_AXIS.get(form)
        for shape in [(6, 8), (10, 6), (8, 7), (8, 6, 2, 2), (7,)]:
            if axis is None or len(shape) == 1 or shape[axis] != own[axis]:
                yield form, shape


@pytest.mark.parametrize(("form", "shape"), list(misfits()))
def test_a_layer_of_another_shape_is_refused_by_name(form, shape):
    roles = make_roles(form, SHAPES.get(form, (8, 6)))
    with pytest.raises(UnsupportedLoraError, match=r"^x: "):
        module_delta(as_module(roles), roles, base=torch.zeros(shape))


def test_biases_add_up_and_only_that_of_the_up_factor_has_its_strength():
    bias = torch.arange(8.0)
    roles = make_roles("lora", (8, 6)) | {"bias": bias, "diff_b": bias}
    delta = module_delta(as_module(roles, 8.0), roles)
    assert torch.equal(delta.bias, 3 * bias)
    roles = {"b_norm": bias}
    delta = module_delta(as_module(roles), roles, base_bias=torch.zeros(8))
    assert delta.weight is None
    assert torch.equal(delta.bias, bias)
    assert module_delta(as_module(roles), roles, base=torch.ones(8)).weight is None
    with pytest.raises(UnsupportedLoraError, match="differ in length"):
        module_delta(as_module(roles), roles, base_bias=torch.zeros(9))


def test_half_precision_is_no_place_to_compute():
    roles = make_roles("lora", (8, 6))
    with pytest.raises(ValueError, match=r"float32 or float64, not torch\.float16"):
        module_delta(as_module(roles), roles, dtype=torch.float16)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_stored_halves_and_eighths_are_widened_first(dtype):
    roles = {role: tensor.to(dtype) for role, tensor in make_roles("loha", (8, 6)).items()}
    wide = {role: tensor.double() for role, tensor in roles.items()}
    found = module_delta(as_module(roles), roles, base=torch.zeros(8, 6, dtype=torch.bfloat16), dtype=torch.float64)
    assert torch.equal(found.weight, module_delta(as_module(wide), wide, dtype=torch.float64).weight)


def test_set_weight_replaces():
    torch.testing.assert_close(weight("set") + base_of("set"), make_roles("set", (8, 6))["set_weight"])


@pytest.mark.parametrize(
    ("base", "magnitude", "peft", "axis"),
    [
        ((4, 6), (4, 1), False, 0),
        ((4, 6), (1, 6), False, 1),
        ((4, 6), (4,), False, 0),
        ((4, 6), (6,), False, 1),
        ((4, 4), (4, 1), False, 0),
        ((4, 4), (1, 4), False, 1),
        ((4, 4), (4,), True, 0),
        ((4, 4), (4,), False, 0),
        ((4, 4, 3, 3), (1, 4, 1, 1), True, 0),
        ((4, 4, 3, 3), (1, 4, 1, 1), False, 1),
        ((4, 6, 3, 3), (1, 4, 1, 1), True, 0),
        ((4, 6, 3, 3), (1, 6, 1, 1), False, 1),
        ((1, 6), (1, 1), False, 0),
        ((4, 1), (1, 1), False, 1),
    ],
)
def test_the_axis_of_dora_follows_from_the_shape(base, magnitude, peft, axis):
    assert magnitude_axis(base, magnitude, peft=peft) == axis


def test_a_magnitude_that_fits_no_axis_is_refused():
    for base, magnitude in [((4, 6), (5, 1)), ((4, 6), (4, 6)), ((4,), (4,))]:
        with pytest.raises(ValueError, match="fits no axis"):
            magnitude_axis(base, magnitude, peft=False)
