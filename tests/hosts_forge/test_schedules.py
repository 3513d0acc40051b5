"""LoRAs that act in some steps only."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from lib_lbw.hosts.forge import activation
from tests.hosts_forge.conftest import Rig
from tests.hosts_forge.little_model import merge
from tests.hosts_forge.little_patchers import PATCHERS
from tests.hosts_forge.loras import entry, lora, same_bits

STEPS = 6


def tag(text: str | None, name: str = "a") -> tuple[Any, ...]:
    return (name, 0.8, 0.8, text and entry(name, text))


def tensors() -> int:
    """How many there are in memory."""
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())


def pictures(rig: Rig, *tags: tuple[Any, ...], calls_per_step: int = 1) -> list[torch.Tensor]:
    """The U-Net's answer at every step."""
    rig.activate(*tags)
    made = []
    for step in range(STEPS):
        for _ in range(calls_per_step):
            rig.adapter.on_step(step, STEPS, None)
            made.append(rig.world.picture())
    return made[::calls_per_step]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", list(PATCHERS))
def test_inside_the_window_it_is_the_plain_tag_and_outside_no_lora_to_the_bit(
    kind: str, dtype: torch.dtype, make_rig: Callable[..., Rig]
) -> None:
    rig = make_rig(kind, dtype)
    rig.world.save("a", lora(1))
    without = pictures(rig)[0]
    plain = pictures(rig, tag(None))[0]
    assert not torch.equal(plain, without)
    for text, window in (
        ("start=2", range(2, 6)),
        ("stop=2", range(2)),
        ("step=1-4", range(1, 4)),
        ("stop=0.5", range(3)),
        ("stop=1", range(1)),
        ("start=0", range(6)),
    ):
        for calls in (1, 2):
            found = pictures(rig, tag(text), calls_per_step=calls)
            assert [torch.equal(each, plain) for each in found] == [step in window for step in range(STEPS)]
            assert [torch.equal(each, without) for each in found] == [step not in window for step in range(STEPS)]
    assert torch.equal(pictures(rig, tag(None))[0], plain)
    assert torch.equal(pictures(rig)[0], without)


def test_block_weights_and_schedule_go_together(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    weighed = pictures(rig, tag("lbw=0,IN01@1,MID@0.5"))[0]
    without = pictures(rig)[0]
    found = pictures(rig, tag("lbw=0,IN01@1,MID@0.5:start=3"))
    assert [torch.equal(each, weighed) for each in found] == [False] * 3 + [True] * 3
    assert torch.equal(found[0], without)


def test_steps_merge_nothing_and_the_text_encoder_stays(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.world.save("b", lora(2))
    base = rig.weights()
    plain = rig.weights(tag(None), tag(None, "b"))
    scheduled = rig.weights(tag("start=2"), tag(None, "b"))
    only_b = rig.weights(tag(None, "b"))
    for key in base:
        same = plain if key.startswith("clip_l") else only_b
        assert same_bits({key: scheduled[key]}, {key: same[key]})
    pictures(rig, tag("start=2"), tag(None, "b"))
    merged_before = list(rig.world.merged)
    for step in range(STEPS):
        rig.adapter.on_step(step, STEPS, None)
        rig.world.picture()
    assert rig.world.merged == merged_before


def test_steps_do_not_gather_memory(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    pictures(rig, tag("step=1-4"))
    before = tensors()
    for _ in range(3):
        pictures(rig, tag("step=1-4"))
    assert tensors() <= before


def test_hooks_leave_with_their_lora(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    layers = list(rig.world.sd.forge_objects.unet.model.modules())

    def hooks() -> int:
        return sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in layers)

    rig.activate(tag("start=2"))
    many = hooks()
    assert many > 0
    rig.activate(tag("start=2"))
    assert hooks() == many
    rig.activate(tag("start=2"), tag("stop=2"))
    assert hooks() == many
    once = rig.world.picture()
    rig.world.sd.current_lora_hash = "somebody made the host load again"
    rig.activate(tag("start=2"), tag("stop=2"))
    assert hooks() == many
    assert torch.equal(rig.world.picture(), once)
    rig.activate()
    assert hooks() == 0
    rig.activate(tag("start=2"))
    rig.adapter.uninstall()
    assert hooks() == 0


def test_two_models_that_are_both_kept_loaded_have_their_own_windows(rig: Rig) -> None:
    """A refiner comes and goes with every picture."""
    rig.world.save("a", lora(1))
    first = rig.world.sd
    torch.manual_seed(1)
    second = rig.world.model(torch.float32)
    seen = []
    for prompt in ((), (tag(None),)):
        for rig.world.sd in (first, second):
            seen.append(pictures(rig, *prompt)[0])
    prompt = tag("stop=2")
    counts: list[int] = []
    for turn in range(3):
        for number, rig.world.sd in enumerate((first, second)):
            before = list(rig.world.merged)
            without, plain = seen[number], seen[2 + number]
            found = pictures(rig, prompt)
            assert [torch.equal(each, plain) for each in found] == [True, True, False, False, False, False]
            assert all(torch.equal(each, without) for each in found[2:])
            assert turn == 0 or rig.world.merged == before, "nothing has changed on this model"
        counts.append(tensors())
    assert counts[2] <= counts[1]
    for number, rig.world.sd in enumerate((first, second)):
        assert torch.equal(pictures(rig)[0], seen[number])
        assert torch.equal(pictures(rig, prompt)[0], seen[2 + number])


def test_what_others_load_for_themselves_leaves_the_windows_alone(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    once = pictures(rig, tag("stop=2"))
    objects = rig.world.sd.forge_objects_original
    rig.world.networks.load_lora_for_models(objects.unet, objects.clip, lora(2), 1.0, 1.0, filename="theirs")
    assert all(map(torch.equal, once, pictures(rig, tag("stop=2"))))


def test_a_model_that_the_host_lets_go_of_is_not_held(rig: Rig) -> None:
    """Else two would be in memory while the next one is loaded."""
    rig.world.save("a", lora(1))
    rig.activate(tag("lbw=1,IN01@0.5:start=2"))
    once = rig.world.picture()
    lost = weakref.ref(rig.world.sd.forge_objects.unet.model)
    rig.world.sd = None
    gc.collect()
    assert lost() is None
    rig.adapter.on_step(0, STEPS, None)
    torch.manual_seed(0)
    rig.world.sd = rig.world.model(torch.float32)
    rig.activate(tag("lbw=1,IN01@0.5:start=2"))
    assert torch.equal(rig.world.picture(), once)


def test_a_forward_that_fails_gets_its_own_weights_back(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    base = rig.weights()
    rig.activate(tag("lbw=0,IN01@1:start=0"))
    rig.world.weights()
    layer = rig.world.sd.forge_objects.unet.model.get_submodule("diffusion_model.input_blocks.1.1.proj_in")
    with pytest.raises(RuntimeError):
        layer(torch.zeros(1, 99))
    found = rig.world.weights()
    key = "diffusion_model.input_blocks.1.1.proj_in.weight"
    assert same_bits({key: found[key]}, {key: base[key]})


def test_two_windows_on_one_layer(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    both = pictures(rig, tag("lbw=0,MID@1"), tag("lbw=0,MID@1"))[0]
    one = pictures(rig, tag("lbw=0,MID@1"))[0]
    found = pictures(rig, tag("lbw=0,MID@1:stop=4"), tag("lbw=0,MID@1:start=2"))
    assert [torch.equal(each, one) for each in found] == [True, True, False, False, True, True]
    assert all(torch.allclose(each, both, atol=1e-6) for each in found[2:4])


class Quantised(torch.nn.Parameter):
    """A parameter that only its host can add to."""


def test_quantised_layers_follow_the_schedule_where_the_host_merges_in_the_forward_and_are_told_of_elsewhere(
    rig: Rig,
) -> None:
    rig.world.save("a", lora(1))
    layer = rig.world.sd.forge_objects.unet.model.get_submodule("diffusion_model.middle_block.1.proj_in")
    layer.weight = Quantised(layer.weight.data, requires_grad=False)
    rig.activate(tag("stop=2"))
    if rig.world.kind in ("reforge", "classic", "persistent"):
        assert [str(notice)[:17] for notice in rig.adapter.notices] == ["1 layers of a are"]
        assert rig.adapter.notices[0].template == activation.UNSCHEDULED
        return
    assert rig.adapter.notices == ()
    if rig.world.kind == "forge":
        rig.world.weights()
        (live,) = layer.forge_online_loras["weight"]
    else:
        (live,) = rig.world.sd.forge_objects.unet.patches["diffusion_model.middle_block.1.proj_in.weight"]
        assert live[-1] is True
    for step, strength in enumerate((0.8, 0.8, 0.0, 0.0)):
        rig.adapter.on_step(step, STEPS, None)
        assert live[0] == strength
    assert torch.equal(merge(None, [live], layer.weight.clone(), ""), layer.weight)
