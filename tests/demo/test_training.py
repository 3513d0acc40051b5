import csv
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load

from lib_lbw.demo.base_training import BasePlan, train_base
from lib_lbw.demo.lora_modules import LohaBranch, LoraBranch, attached, branches_from
from lib_lbw.demo.lora_training import BIG, INK, make_branches, subtract, train_branches
from lib_lbw.demo.model import load_demo_pipeline
from lib_lbw.demo.sheet import loss_chart
from lib_lbw.demo.tiny_sdxl import tiny_sdxl_lora_bytes, tiny_sdxl_lora_tensors, tiny_sdxl_pipeline


def generator():
    return torch.Generator().manual_seed(0)


def test_two_steps_of_the_base_repeat_bit_for_bit(tmp_path):
    plan = BasePlan(seed=3, steps=2, batch=2, pictures=4, workers=1)
    states = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        train_base(plan, tmp_path / name, tmp_path / f"{name}.csv")
        states.append(load_demo_pipeline(folder=tmp_path / name).unet.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    with (tmp_path / "a.csv").open() as file:
        assert next(csv.reader(file)) == ["step", "seconds", "loss"]


def test_two_steps_of_a_locon_touch_convolutions_too():
    plan = replace(INK, steps=2, batch=2, pictures=4)
    tensors, tags = train_branches(load_demo_pipeline(), plan)
    ups = {key: value for key, value in tensors.items() if key.endswith("lora_up.weight")}
    assert any("resnets_0_conv1" in key and value.any() for key, value in ups.items())
    assert tags


@pytest.mark.parametrize("layer", [torch.nn.Linear(6, 5), torch.nn.Conv2d(6, 5, 3, padding=1)])
@pytest.mark.parametrize("kind", [LoraBranch, LohaBranch])
def test_a_fresh_branch_adds_nothing_and_a_file_restores_a_trained_one(layer, kind):
    branch = kind(layer, 2, 4.0, generator())
    x = torch.randn(2, 6) if layer.weight.ndim == 2 else torch.randn(2, 6, 4, 4)
    assert not branch(layer, x).any()
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter, generator=generator())
    tensors = {f"m.{suffix}": value for suffix, value in branch.tensors().items()}
    (restored,) = branches_from(tensors, {"m": layer}, weight=0.5).values()
    expected = layer(x) + 0.5 * branch(layer, x)
    with attached({"m": layer}, {"m": restored}):
        assert torch.allclose(layer(x), expected, atol=1e-5)


def test_subtraction_is_exact():
    layer = torch.nn.Linear(6, 5)
    ends = []
    for seed in (1, 2):
        (branch,) = make_branches(BIG, {"m": layer}).values()
        for parameter in branch.parameters():
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(seed))
        ends.append({f"m.{suffix}": value for suffix, value in branch.tensors().items()})
    (difference,) = branches_from(subtract(*ends), {"m": layer}).values()
    deltas = [t["m.lora_up.weight"] @ t["m.lora_down.weight"] for t in ends]
    eye = torch.eye(6)
    assert torch.allclose(difference(layer, eye).T, deltas[0] - deltas[1], atol=1e-5)


def test_tiny_sdxl_is_the_same_for_a_seed_and_draws():
    pipeline = tiny_sdxl_pipeline(1)
    again, other = (tiny_sdxl_pipeline(seed).unet.state_dict() for seed in (1, 2))
    mine = pipeline.unet.state_dict()
    assert all(torch.equal(mine[key], again[key]) for key in mine)
    assert any(not torch.equal(mine[key], other[key]) for key in mine)
    image = pipeline("a girl", num_inference_steps=2, generator=generator()).images[0]
    assert image.size == (64, 64)


def test_tiny_sdxl_lora_reaches_both_text_encoders():
    tensors = tiny_sdxl_lora_tensors(0)
    stored = load(tiny_sdxl_lora_bytes(0))
    assert stored.keys() == tensors.keys()
    for part in (
        "lora_te1_text_model_",
        "lora_te2_text_model_",
        "lora_unet_mid_block_attentions_0_",
    ):
        assert any(key.startswith(part) for key in tensors)


def test_the_chart_has_its_size():
    assert loss_chart([(50, 1.0), (100, 0.5), (150, 0.25)]).size == (640, 320)
