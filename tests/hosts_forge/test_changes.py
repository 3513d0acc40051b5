"""What is merged, read and noticed when something changes, and when nothing does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.hosts.forge.adapter import ForgeAdapter
from tests.hosts_forge.conftest import Rig
from tests.hosts_forge.little_model import put
from tests.hosts_forge.little_patchers import ReForgePatcher
from tests.hosts_forge.loras import entry, lora, oracle, same_bits

IN01 = {"diffusion_model.input_blocks.1.1.proj_in.weight", "diffusion_model.input_blocks.1.1.norm.weight"}
TEXTS = ("lbw=1", "lbw=0,IN01@1", "lbw=1,IN01@0", "lbw=1,BASE@0", "lbw=NONE", "lbw=1,MID@0.5", "lbw=OUTD")


def tag(text: str | None, name: str = "a", te: float = 1.0, unet: float = 1.0) -> tuple[Any, ...]:
    return (name, te, unet, text and entry(name, text))


@pytest.mark.parametrize("kind", ["forge", "reforge", "neo"])
def test_only_the_layers_of_a_changed_block_are_merged_again(kind: str, make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(kind)
    rig.world.save("a", lora(1))
    rig.world.save("b", lora(2))
    rig.weights()
    rig.weights(tag("lbw=1"), tag(None, "b"))
    assert len(rig.world.merged) > len(IN01)
    rig.weights(tag("lbw=1,IN01@0.5"), tag(None, "b"))
    assert set(rig.world.merged) == IN01
    assert len(rig.world.merged) == len(IN01)
    rig.weights(tag("lbw=1,IN01@0.5"), tag(None, "b"))
    assert rig.world.merged == []
    rig.weights(tag("lbw=1,IN01@0.5,BASE@0"), tag(None, "b"))
    assert {key.split(".")[0] for key in rig.world.merged} == {"clip_l"}
    rig.weights(tag("lbw=ALL"), tag("lbw=ALL", "b"))
    both = rig.world.weights()
    rig.weights(tag(None), tag(None, "b"))
    assert rig.world.merged == []
    assert same_bits(both, rig.world.weights())
    assert len(rig.world.reads) == 2


def test_taking_a_block_out_restores_it_without_merging(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.weights()
    rig.weights(tag("lbw=1"))
    rig.weights(tag("lbw=1,IN01@0"))
    if rig.world.kind in ("classic", "persistent"):
        assert not IN01 & set(rig.world.merged)
    else:
        assert rig.world.merged == []
    patcher = rig.world.sd.forge_objects_after_applying_lora.unet
    backup = patcher.model.lora_loader.backup if rig.world.kind == "forge" else patcher.backup
    assert backup
    assert not IN01 & set(backup)
    rig.weights(tag("lbw=NONE"))
    assert rig.world.sd.forge_objects.unet is rig.world.sd.forge_objects_original.unet
    assert rig.world.sd.forge_objects.clip is rig.world.sd.forge_objects_original.clip


@pytest.mark.parametrize("kind", ["forge", "reforge", "neo"])
@settings(max_examples=20)
@given(plans=st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(TEXTS)), max_size=3), max_size=5))
def test_layer_by_layer_is_to_the_bit_what_the_host_makes_of_it_at_once(
    kind: str, make_rig: Callable[..., Rig], plans: list[Any]
) -> None:
    step_by_step, at_once = make_rig(kind, torch.float16), make_rig(kind, torch.float16)
    for rig in (step_by_step, at_once):
        rig.world.save("a", lora(1))
        rig.world.save("b", lora(2))
    for plan in plans:
        tags = [tag(text, name) for name, text in plan]
        at_once.activate(*tags)
        assert same_bits(step_by_step.weights(*tags), at_once.world.weights(anew=True))


@pytest.mark.parametrize("kind", ["forge", "reforge", "neo"])
def test_when_memory_runs_out_in_the_middle_the_host_takes_over(
    kind: str, make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, untroubled = make_rig(kind), make_rig(kind)
    for each in (rig, untroubled):
        each.world.save("a", lora(1))
    base = rig.weights()
    rig.weights(tag("lbw=1"))
    calls = []
    target, name = (torch.Tensor, "to") if kind == "forge" else (ReForgePatcher, "patch_weight_to_device")
    original = getattr(target, name)

    def failing(*args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise RuntimeError("out of memory")
        return original(*args, **options)

    rig.activate(tag("lbw=0.5"))
    with monkeypatch.context() as patched:
        patched.setattr(target, name, failing)
        found = rig.world.weights()
    assert len(calls) > 3
    untroubled.weights()
    assert same_bits(found, untroubled.weights(tag("lbw=0.5")))
    assert same_bits(rig.weights(), base)


def test_what_somebody_else_does_to_the_weights_leads_to_the_hosts_own_way(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig("forge")
    rig.world.save("a", lora(1))
    base = rig.weights()
    rig.weights(tag("lbw=1"))
    unet = rig.world.sd.forge_objects.unet.model
    for key, weight in unet.lora_loader.backup.items():
        put(unet, key, weight)
    unet.lora_loader.backup, unet.lora_loader.loaded_hash = {}, str([])
    wanted = oracle(base, [(lora(1), 1.0, 1.0, entry("a", "lbw=1,IN01@0.5"))])
    found = rig.weights(tag("lbw=1,IN01@0.5"))
    assert all(torch.allclose(found[key].double(), wanted[key], atol=1e-6) for key in wanted)


def test_everything_that_matters_is_applied_at_once(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.world.save("b", lora(2))
    rig.weights()
    seen: list[dict[str, torch.Tensor]] = []
    prompts = [
        [tag(None)],
        [tag("lbw=1,IN01@0.5")],
        [tag("lbw=1,IN01@0.6")],
        [tag("lbw=1,IN01@0.6", te=0.5)],
        [tag("lbw=1,IN01@0.6"), tag(None, "b")],
        [tag(None, "b"), tag("lbw=1,IN01@R")],
        [tag("lbw=1,MID@0", "b")],
        [],
    ]
    for prompt in prompts:
        found = rig.weights(*prompt)
        assert not any(same_bits(found, other) for other in seen)
        seen.append(found)
    for prompt, other in zip(reversed(prompts), reversed(seen), strict=True):
        assert same_bits(rig.weights(*prompt), other)


def test_another_checkpoint_gets_the_weights_too(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.weights()
    prompt = tag("lbw=1,IN01@0.5")
    first_model, first = rig.world.sd, rig.weights(prompt)
    rig.world.sd = rig.world.model(torch.float32)
    other_base = rig.world.weights()
    found, wanted = rig.weights(prompt), oracle(other_base, [(lora(1), 1.0, 1.0, prompt[3])])
    assert all(torch.allclose(found[key].double(), wanted[key], atol=1e-6) for key in wanted)
    rig.world.sd = first_model
    assert same_bits(rig.weights(prompt), first)


def test_what_others_load_without_tags_is_plain(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.weights()
    plain = rig.weights(tag(None))
    rig.weights(tag("lbw=1,IN01@0.5"))
    rig.world.load(tag(None))
    assert same_bits(rig.world.weights(), plain)


def test_the_prompts_are_encoded_anew_only_when_the_text_encoder_changes(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.weights()
    assert rig.adapter.te_digest() == ForgeAdapter().te_digest()
    rig.weights(tag("lbw=1,IN01@0.5"))
    before = rig.adapter.te_digest()
    rig.weights(tag("lbw=1,IN01@0.7"))
    assert rig.adapter.te_digest() == before
    rig.weights(tag("lbw=1,IN01@0.7,BASE@0.5"))
    assert rig.adapter.te_digest() != before


def test_newer_classic_keeps_its_note_elsewhere_and_leaves_out_tags_of_no_strength(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig("classic")
    rig.world.save("a", lora(1))
    base = rig.weights()
    rig.world.shared.cached_lora_hash = ["something"]
    silent = entry("a", "lbw=0,IN01@1")
    loud = entry("a", "lbw=0,MID@1")
    rig.adapter.begin([("a", replaced(silent, 0.0)), ("a", replaced(loud, 0.5))])
    rig.world.load(("a", 0.5, 0.5, None))
    rig.adapter.end()
    assert rig.world.shared.cached_lora_hash == [], "the host clears this list"
    found, wanted = rig.world.weights(), oracle(base, [(lora(1), 0.5, 0.5, loud)])
    assert all(torch.allclose(found[key].double(), wanted[key], atol=1e-6) for key in wanted)


def replaced(tag: Any, strength: float) -> Any:
    return replace(tag, weights=replace(tag.weights, te=strength, unet=strength))
