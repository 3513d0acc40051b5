"""Which tensor is which layer: the oracle is the single-file conversion of diffusers."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import CheckpointError
from lib_lbw.lora.header import TensorInfo
from lib_lbw.merge.checkpoint.names import slots_of
from lib_lbw.merge.checkpoint.reading import Checkpoint
from tests.hosts.conftest import VOCABULARY, tokenizer
from tests.hosts.test_checkpoint import config_of, converted, words_beside
from tests.merge_checkpoint.tiny import FAMILIES, Tiny, diffusers_file, save, single_file, tiny


def parts_as_diffusers_loads_them(path: Path, model: Tiny) -> dict[str, torch.nn.Module]:
    pipeline = SimpleNamespace(tokenizer=tokenizer())
    assert json.dumps(sorted(pipeline.tokenizer.get_vocab())) == json.dumps(sorted(VOCABULARY))
    words_beside(path, pipeline)
    made = converted(path, config_of(model.shape(), path.parent, model.family))
    parts = {"unet": made.unet, "te1": made.text_encoder}
    return {**parts, "te2": made.text_encoder_2} if model.family == "sdxl" else parts


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_is_read_as_diffusers_converts_it(family: str, tmp_path: Path) -> None:
    model = tiny(family)
    path = save(tmp_path / "model.safetensors", single_file(model))
    checkpoint = Checkpoint(path)
    assert checkpoint.family.id == family
    layers = Tiny(family, parts_as_diffusers_loads_them(path, model), model.vae).layers()
    assert len(layers) > 100
    wanted = {(id, role) for id, layer in layers.items() for role in ("weight", "bias") if has(layer, role)}
    known = set(checkpoint.slots)
    if family == "sd2":  # diffusers' SD 2 has no use for it
        known -= {(ModuleId("te1", "text_projection"), "weight")}
    assert known == wanted
    for id, role in wanted:
        assert torch.equal(checkpoint.read(checkpoint.slots[id, role]), getattr(layers[id], role)), (id, role)


def has(layer: torch.nn.Module, role: str) -> bool:
    return isinstance(getattr(layer, role, None), torch.nn.Parameter)


@pytest.mark.parametrize("family", FAMILIES)
def test_both_layouts_hold_the_same(family: str, tmp_path: Path) -> None:
    model = tiny(family)
    one = Checkpoint(save(tmp_path / "ldm.safetensors", single_file(model)))
    other = Checkpoint(save(tmp_path / "diffusers.safetensors", diffusers_file(model)))
    assert other.family.id == family
    keys = set(one.slots) - ({(ModuleId("te1", "text_projection"), "weight")} if family == "sd2" else set())
    assert keys == set(other.slots)
    assert all(torch.equal(one.read(one.slots[k]), other.read(other.slots[k])) for k in keys)


def test_a_u_net_of_its_own_needs_no_prefix(tmp_path: Path) -> None:
    model = tiny("sdxl")
    checkpoint = Checkpoint(save(tmp_path / "unet.safetensors", model.parts["unet"].state_dict()))
    assert checkpoint.components == {"unet"}
    assert checkpoint.family.id == "sdxl"


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_a_fused_matrix_is_q_k_and_v_each_once(family: str, tmp_path: Path) -> None:
    checkpoint = Checkpoint(save(tmp_path / "m.safetensors", single_file(tiny(family))))
    fused = {name: slots for name, slots in checkpoint.held.items() if "in_proj" in name}
    assert len(fused) == 2 * 3
    for name, slots in fused.items():
        rows = [(slot.first, slot.first + slot.shape[0]) for slot in slots]
        count = checkpoint.header.tensors[name].shape[0]
        assert rows == [(0, count // 3), (count // 3, 2 * count // 3), (2 * count // 3, count)]
        assert [slot.module.path.rsplit(".", 1)[1] for slot in slots] == ["q_proj", "k_proj", "v_proj"]


@pytest.mark.parametrize(
    "name",
    [
        "first_stage_model.decoder.conv_in.weight",
        "model_ema.diffusion_modelinput_blocks00weight",
        "conditioner.embedders.1.model.logit_scale",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
        "model.diffusion_model.double_blocks.0.img_attn.qkv.weight",
        "conv_in.weight",
        "alphas_cumprod",
    ],
)
def test_what_is_no_layer_of_a_u_net_or_text_encoder(name: str) -> None:
    assert slots_of(TensorInfo(name, "F16", (9, 4), 0, 72)) == ()


def test_one_layer_twice_is_refused(tmp_path: Path) -> None:
    tensors = single_file(tiny("sd1"))
    name = "model.diffusion_model.output_blocks.2.{}.conv.weight"
    path = save(tmp_path / "m.safetensors", {**tensors, name.format(2): tensors[name.format(1)]})
    with pytest.raises(CheckpointError, match="are the same layer"):
        Checkpoint(path)
