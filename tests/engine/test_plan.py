import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.plan import ScalePlan, plan
from lib_lbw.errors import FamilyError
from lib_lbw.weights.directive import Directive, Schedule
from lib_lbw.weights.grammar import parse_directive
from lib_lbw.weights.resolve import resolve
from tests.weights.strategies import real_directives, schedules

SDXL = family("sdxl")
TEXT = (
    ModuleId("te1", "text_model.encoder.layers.0.self_attn.q_proj"),
    ModuleId("te2", "text_model.encoder.layers.3.mlp.fc1"),
    ModuleId("te2", "text_projection"),
)
UNET = (
    ModuleId("unet", "conv_in"),
    ModuleId("unet", "down_blocks.0.resnets.0.conv1"),
    ModuleId("unet", "down_blocks.2.attentions.1.transformer_blocks.3.attn1.to_out.0"),
    ModuleId("unet", "mid_block.attentions.0.proj_in"),
    ModuleId("unet", "up_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k"),
    ModuleId("unet", "up_blocks.2.resnets.2.conv2"),
    ModuleId("unet", "time_embedding.linear_1"),
    ModuleId("unet", "add_embedding.linear_2"),
    ModuleId("unet", "conv_out"),
)
MODULES = TEXT + UNET


def made(items: str) -> ScalePlan:
    return plan(resolve(parse_directive(f"<lora:a:{items}>"), SDXL), MODULES, SDXL, "/loras/a.safetensors")


def test_plain_is_the_multiplier_everywhere() -> None:
    assert dict(made("0.7").scales) == dict.fromkeys(MODULES, 0.7)


@pytest.mark.parametrize("multipliers", ["1", "0.7", "0.7:-0.5"])
def test_all_ones_is_the_plain_lora(multipliers: str) -> None:
    assert made(f"{multipliers}:lbw=ALL") == made(multipliers)
    assert made(f"{multipliers}:lbw=" + ",".join("1" * 12)) == made(multipliers)


def test_none_is_no_lora_at_all() -> None:
    for none in ("NONE", "0", ",".join("0" * 20), ",".join("0" * 17)):
        assert dict(made(f"1:lbw={none}").scales) == dict.fromkeys(MODULES, 0.0)


def test_minus_one_for_all_is_the_tag_at_minus_one() -> None:
    assert made("1:lbw=-1") == made("-1")
    assert made("1:lbw=ALL0.5") == made("0.5")


@given(real_directives(SDXL), st.integers(-8, 8), st.integers(0, 9))
def test_a_plan_is_linear_in_the_multipliers(directive: Directive, eighths: int, seed: int) -> None:
    factor = eighths / 8
    weights = resolve(directive, SDXL, seed=seed)
    once = plan(weights, MODULES, SDXL, "a")
    scaled = plan(replace(weights, te=weights.te * factor, unet=weights.unet * factor), MODULES, SDXL, "a")
    assert [scale for _, scale in scaled.scales] == pytest.approx([scale * factor for _, scale in once.scales])


@given(real_directives(SDXL))
def test_each_part_follows_its_own_multiplier(directive: Directive) -> None:
    weights = resolve(directive, SDXL)
    no_text = dict(plan(replace(weights, te=0.0), MODULES, SDXL, "a").scales)
    whole = dict(plan(weights, MODULES, SDXL, "a").scales)
    assert all(no_text[module] == 0 for module in TEXT)
    assert all(no_text[module] == whole[module] for module in UNET)


@given(st.permutations([*MODULES, *MODULES[:3]]))
def test_the_order_of_modules_does_not_matter(modules: list[ModuleId]) -> None:
    weights = resolve(parse_directive("<lora:a:1:lbw=MIDD>"), SDXL)
    shuffled = plan(weights, modules, SDXL, "a")
    assert shuffled == plan(weights, MODULES, SDXL, "a")
    assert [module for module, _ in shuffled.scales] == sorted(MODULES)


@given(schedules, st.integers(1, 40), st.data())
def test_a_schedule_switches_the_unet_and_never_the_text_encoders(
    schedule: Schedule, steps: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(0, steps - 1))
    always = made("0.5:2:lbw=MIDD,IN00@0.3")
    now = replace(always, schedule=schedule).at(step, steps)
    on = schedule.active(step, steps)
    assert now == {m: s if on or m in TEXT else 0.0 for m, s in always.scales}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("stop=3", [1, 1, 1, 0, 0, 0]),
        ("start=3", [0, 0, 0, 1, 1, 1]),
        ("step=2-4", [0, 0, 1, 1, 0, 0]),
        ("step=0-6", [1, 1, 1, 1, 1, 1]),
        ("stop=1", [1, 0, 0, 0, 0, 0]),
        ("stop=0", [0, 0, 0, 0, 0, 0]),
    ],
)
def test_windows_of_the_reference(items: str, expected: list[int]) -> None:
    scheduled = made(f"1:{items}")
    assert [scheduled.at(step, 6)[UNET[0]] for step in range(6)] == expected
    assert [scheduled.at(step, 6)[TEXT[0]] for step in range(6)] == [1] * 6


def test_two_tags_of_one_file_keep_their_own_weights() -> None:
    first, second = made("1:lbw=0,OUT01@0.5"), made("1:lbw=0,OUT01@0.25,MID@1")
    added = {m: s + dict(second.scales)[m] for m, s in first.scales}
    assert {m: s for m, s in added.items() if s} == {UNET[4]: 0.75, UNET[3]: 1.0}


@given(real_directives(SDXL))
def test_json_round_trip(directive: Directive) -> None:
    one = plan(resolve(directive, SDXL), MODULES, SDXL, "/loras/花.safetensors")
    assert ScalePlan.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_weights_of_another_family_are_refused() -> None:
    with pytest.raises(FamilyError):
        plan(resolve(parse_directive("<lora:a:1>"), SDXL), MODULES, family("sd1"), "a")


def test_importing_needs_no_library() -> None:
    heavy = {"torch", "numpy", "safetensors", "diffusers", "gradio", "PIL"}
    code = f"import sys, lib_lbw.engine.plan; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
