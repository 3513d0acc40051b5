"""Weights put into one file: bit for bit where alpha carries them, refused where nothing can."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.bake import bake
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Recipe, Source
from tests.lora.make_lora import FORMS, LoraFiles, as_module, make_roles, make_state
from tests.merge.merging import LAYERS, SPELLINGS, Made, distance, merged

CONV = "unet.mid_block.resnets.0.conv1"
LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CARRIED = (
    "lora",
    "tucker",
    "loha",
    "loha_tucker",
    "lokr",
    "lokr_pairs",
    "lokr_first_pair",
    "lokr_tucker",
    "lokr_spread",
)
FIXED = ("oft", "oft_rescaled", "oft_diag", "boft", "dora", "dora_input", "doha", "dokr", "set")
SHAPE = (8, 6, 3, 3)


@given(
    form=st.sampled_from([form for form in FORMS if form not in FIXED]),
    scale=st.floats(-3, 3).filter(lambda scale: abs(scale) > 1e-6),
    alpha=st.sampled_from([None, 1.0, 8.0, -3.0]),
)
def test_the_delta_is_multiplied(form: str, scale: float, alpha: float | None) -> None:
    shape = (8,) if form == "norm" else SHAPE
    roles = make_roles(form, shape, 2)
    module = as_module(roles, alpha)
    baked = bake(module, {**roles, **({} if alpha is None else {"alpha": torch.tensor(alpha)})}, scale)
    number = float(baked.pop("alpha")) if "alpha" in baked else None
    base = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before, after = (
        module_delta(each, tensors, base=base, dtype=torch.float64)
        for each, tensors in ((module, roles), (as_module(baked, number), baked))
    )
    for old, new in ((before.weight, after.weight), (before.bias, after.bias)):
        assert (old is None) == (new is None)
        if old is not None and new is not None:
            torch.testing.assert_close(new, old * scale, rtol=2e-7, atol=1e-9)


@pytest.mark.parametrize("form", CARRIED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_alpha_alone_changes(tmp_path: Path, form: str, dtype: torch.dtype) -> None:
    path = Made({CONV: form}, dtype=dtype, alpha=3.0).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(path, weights="MID@0.3"),), tmp_path / "out.safetensors"))
    before, after = LoraFile(path), LoraFile(result.path)
    old, new = before.read(before.modules[0]), after.read(after.modules[0])
    assert old.keys() == new.keys()
    assert new.pop("alpha").dtype == torch.float32
    assert after.modules[0].alpha == pytest.approx(0.9, rel=1e-7)
    for role, tensor in new.items():
        assert tensor.dtype == old[role].dtype
        assert tensor.equal(old[role])
    assert result.error < 1e-7


def test_a_negative_weight_turns_one_factor_and_nothing_else(tmp_path: Path) -> None:
    path = Made({CONV: "lora"}, dtype=torch.float16).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(path, -2.0),), tmp_path / "out.safetensors"))
    before, after = LoraFile(path), LoraFile(result.path)
    old, new = before.read(before.modules[0]), after.read(after.modules[0])
    assert new["lora_up"].equal(-old["lora_up"])
    assert new["lora_down"].equal(old["lora_down"])
    assert float(new["alpha"]) == 2.0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_baked_file_keeps_its_names(tmp_path: Path, spelling: str) -> None:
    path = Made(dict.fromkeys(LAYERS, "lora"), spelling=spelling).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(path, 0.5),), tmp_path / "out.safetensors"))
    assert set(LoraFile(result.path).header.tensors) == set(LoraFile(path).header.tensors)


def test_a_module_of_weight_0_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    path = Made(dict.fromkeys(LAYERS, "lora")).write(tmp_path, "a")
    plan = plan_merge(Recipe("bake", (Source(path, weights="MID@0"),), tmp_path / "out.safetensors"))
    assert plan.silent == 1
    assert {str(job.id) for job in plan.jobs} == set(LAYERS) - {CONV}


@pytest.mark.parametrize("form", FIXED)
def test_what_knows_on_and_off_only_is_refused_by_name_with_a_way_out(tmp_path: Path, form: str) -> None:
    path = Made({CONV: form, LAYER: "lora"}).write(tmp_path, "a")
    recipe = Recipe("bake", (Source(path, weights="MID@0.5"),), tmp_path / "out.safetensors")
    with pytest.raises(MergeError, match=rf"{CONV} .*cannot have the weight 0\.5; give the base checkpoint"):
        merged(recipe)
    assert not recipe.output.exists()


@pytest.mark.parametrize("form", [*FIXED, "ia3", "glora"])
def test_at_weight_1_it_stays_bit_for_bit_and_at_0_it_goes(tmp_path: Path, form: str) -> None:
    path = Made({CONV: form, LAYER: "lora"}).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(path, weights="MID@1"),), tmp_path / "out.safetensors"))
    before, after = LoraFile(path), LoraFile(result.path)
    for old, new in zip(before.modules, after.modules, strict=True):
        pair = before.read(old), after.read(new)
        assert pair[0].keys() == pair[1].keys()
        assert all(tensor.equal(pair[1][role]) for role, tensor in pair[0].items())
    gone = merged(Recipe("bake", (Source(path, weights="MID@0"),), tmp_path / "gone.safetensors"))
    assert [str(module.id) for module in LoraFile(gone.path).modules] == [LAYER]


def test_alpha_out_of_an_adapter_configuration_is_written_down(tmp_path: Path) -> None:
    state = make_state({"lora_unet_mid_block_resnets_0_conv1": SHAPE}, rank=2)
    metadata = {"ss_base_model_version": "sd_v1", "lora_adapter_metadata": '{"unet.lora_alpha": 6, "unet.r": 2}'}
    path = LoraFiles(tmp_path).save("a", state, metadata)
    assert LoraFile(path).modules[0].alpha == 6
    result = merged(Recipe("bake", (Source(path, 0.5),), tmp_path / "out.safetensors"))
    assert LoraFile(result.path).modules[0].alpha == 3.0


def test_an_explicit_precision_is_followed(tmp_path: Path) -> None:
    path = Made({CONV: "lora"}, dtype=torch.float32).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(path, 0.5),), tmp_path / "out.safetensors", dtype="bf16"))
    dtypes = {role: info.dtype for role, info in LoraFile(result.path).modules[0].tensors.items()}
    assert dtypes == {"lora_up": "BF16", "lora_down": "BF16", "alpha": "F32"}
    assert distance(result.path, (Source(path, 0.5),), ModuleId.parse(CONV)) < 1.6e-2


@pytest.mark.parametrize("scale", [-0.5, 0.25])
def test_the_bias_of_a_factor_and_one_that_stands_alone_follow_the_weight(scale: float) -> None:
    roles = {**make_roles("lora", (8, 6), 2), "bias": torch.ones(8).double(), "diff_b": torch.full((8,), 3.0).double()}
    before = module_delta(as_module(roles, 4.0), roles, dtype=torch.float64)
    baked = bake(as_module(roles, 4.0), {**roles, "alpha": torch.tensor(4.0)}, scale)
    after = module_delta(as_module(baked, float(baked.pop("alpha"))), baked, dtype=torch.float64)
    assert before.bias is not None
    assert after.bias is not None
    torch.testing.assert_close(after.bias, before.bias * scale)
