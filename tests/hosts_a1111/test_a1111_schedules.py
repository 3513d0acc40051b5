"""Step windows: the right steps on every sampler, little merging, no growth, whatever happens on the way."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.weights.schedule import Bound, Schedule
from tests.hosts_a1111.model import LAYERS, write_lora
from tests.hosts_a1111.program import Program
from tests.hosts_a1111.samplers import SAMPLERS, Sampler

Outputs = dict[str, torch.Tensor]
MIXED = {
    each.file: "lora" if each.file.endswith(("to_q", "to_k", "conv", "_fc1")) else "full" for each in LAYERS["sd1"]
}


def is_text(name: str) -> bool:
    return "transformer_text" in name


def painting(host: Program, p: Any, sampler: Sampler, steps: int) -> Iterator[tuple[int, Outputs]]:
    """Run one pass; give the step and what the layers give in every call."""
    denoiser = sampler.denoiser(p, steps)
    for step in sampler.calls(steps):
        host.gate.on_cfg_denoiser(SimpleNamespace(denoiser=denoiser))
        yield step, host.outputs()
        denoiser.step += 1


def outputs(host: Program, prompt: str) -> Outputs:
    host.activate(prompt)
    return host.outputs()


def check(got: Outputs, inside: Outputs, outside: Outputs, acts: bool) -> None:
    """Outside the window the U-Net is the one without the LoRA bit for bit, inside that of the plain tag."""
    for name, output in got.items():
        if is_text(name):
            assert torch.equal(output, inside[name]), name
        elif acts:
            torch.testing.assert_close(output, inside[name], rtol=1e-4, atol=1e-5)
        else:
            assert torch.equal(output, outside[name]), name


windows = st.sampled_from(
    ["start=3", "stop=1", "step=1-3", "start=0.5", "stop=0.25", "step=0.2-4", "start=9", "stop=0"]
)


@settings(max_examples=25)
@given(windows, st.sampled_from(SAMPLERS), st.integers(2, 6), st.sampled_from(["lora", "mixed"]))
def test_a_window_acts_in_its_steps(host: Program, window: str, sampler: Sampler, steps: int, kind: str) -> None:
    write_lora(host.folder, "lora", "sd1")
    write_lora(host.folder, "mixed", "sd1", MIXED)
    outside = outputs(host, "")
    inside = outputs(host, f"<lora:{kind}:0.8:lbw=1,IN01@0.5>")
    key, _, value = window.partition("=")
    start, _, stop = value.partition("-") if key == "step" else (value, "", "") if key == "start" else ("", "", value)
    schedule = Schedule(*(Bound.parse(end) if end else None for end in (start, stop)))
    p = host.activate(f"<lora:{kind}:0.8:lbw=1,IN01@0.5:{window}>")
    for _ in range(2):  # a second pass counts from 0 again
        for step, got in painting(host, p, sampler, steps):
            check(got, inside, outside, schedule.active(step, steps))
    assert not host.errors
    host.activate("")


def test_low_rank_layers_are_never_merged_again_and_of_the_rest_only_the_loras_own(host: Program) -> None:
    write_lora(host.folder, "a", "sd1", MIXED)
    write_lora(host.folder, "b", "sd1", seed=2)
    p = host.activate("<lora:a:1:step=2-4><lora:b:1>")
    merged = []
    for step, _ in painting(host, p, SAMPLERS[0], 6):
        merged.append((step, set(host.merged)))
        host.merged.clear()
    full = {host.model.sd_keys[name] for name, kind in MIXED.items() if kind == "full" and "_te_" not in name}
    assert merged[1:] == [(1, set()), (2, full), (3, set()), (4, full), (5, set())]


def test_a_window_over_all_steps_is_merged_like_the_plain_tag(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    plain = host.paint("<lora:a:1>")
    host.forget()
    scheduled = host.paint("<lora:a:1:start=0:stop=1.0>")
    assert host.merged == []
    assert all(torch.equal(scheduled[name], plain[name]) for name in plain)


def test_nothing_is_left_behind(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    plain = host.paint("<lora:a:1>")
    for _ in range(3):
        p = host.activate("<lora:a:1:start=1>")
        list(painting(host, p, SAMPLERS[0], 3))
        hooks = [len(layer._forward_hooks) for layer in host.model.layers().values()]
        assert max(hooks) == 1
    back = host.paint("<lora:a:1>")
    assert all(torch.equal(back[name], plain[name]) for name in plain)
    assert not any(layer._forward_hooks for layer in host.model.layers().values())


def test_the_same_lora_in_two_windows(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    first, second = outputs(host, "<lora:a:1:0.5>"), outputs(host, "<lora:a:1:lbw=1,MID@0>")
    p = host.activate("<lora:a:0.4:0.5:stop=2><lora:a:0.6:1:lbw=1,MID@0:start=2>")
    for step, got in painting(host, p, SAMPLERS[0], 4):
        for name in got:
            if not is_text(name):
                want = first if step < 2 else second
                torch.testing.assert_close(got[name], want[name], rtol=1e-4, atol=1e-5)


def test_the_old_way_of_adding_at_every_use(host: Program) -> None:
    write_lora(host.folder, "a", "sd1", {name: "lora" for name in MIXED if "norm" not in name})
    outside, inside = outputs(host, ""), outputs(host, "<lora:a:1>")
    p = host.activate("<lora:a:1:start=1>")
    host.shared.opts.lora_functional = True
    for step, got in painting(host, p, SAMPLERS[0], 3):
        for name, output in got.items():
            want = inside if step >= 1 or is_text(name) else outside
            torch.testing.assert_close(output, want[name], rtol=1e-4, atol=1e-5)


def test_another_checkpoint_in_the_middle_of_a_pass(host: Program) -> None:
    write_lora(host.folder, "a", "sd1", MIXED)
    outside, inside = outputs(host, ""), outputs(host, "<lora:a:1>")
    p = host.activate("<lora:a:1:stop=4>")
    old = host.model
    for step, got in painting(host, p, SAMPLERS[0], 6):
        check(got, inside, outside, step < 4)
        if step == 2:
            host.load_checkpoint("sd1")  # the refiner; the same weights, so that the pictures compare
    assert not any(getattr(layer, "_forward_hooks", None) for layer in old.layers().values())


def test_multipliers_that_others_change_while_painting_are_followed(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    half = outputs(host, "<lora:a:1:0.25:lbw=0.5>")
    p = host.activate("<lora:a:1:1:lbw=0.5:stop=3>")
    for step, got in painting(host, p, SAMPLERS[0], 4):
        if step == 1:
            for name in got:
                torch.testing.assert_close(got[name], half[name], rtol=1e-4, atol=1e-5)
        host.networks.loaded_networks[0].unet_multiplier = 0.25  # as loractl and Regional Prompter do


@pytest.mark.parametrize("has_denoiser", [True, False])
def test_hosts_that_do_not_name_the_denoiser(host: Program, has_denoiser: bool) -> None:
    write_lora(host.folder, "a", "sd1")
    outside, inside = outputs(host, ""), outputs(host, "<lora:a:1>")
    p = host.activate("<lora:a:1:start=1>")
    denoiser = SAMPLERS[1].denoiser(p, 3)
    p.sampler = SimpleNamespace(model_wrap_cfg=denoiser)
    for step in SAMPLERS[1].calls(3):
        host.gate.on_cfg_denoiser(SimpleNamespace(denoiser=denoiser) if has_denoiser else SimpleNamespace())
        check(host.outputs(), inside, outside, step >= 1)
        denoiser.step += 1
