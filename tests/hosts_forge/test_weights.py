"""What ends up in the weights of the four stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.hosts.forge import activation, adapter
from tests.hosts_forge.conftest import Rig
from tests.hosts_forge.little_patchers import PATCHERS
from tests.hosts_forge.loras import FUSED, entry, lora, oracle, same_bits

DIRECTIVES = (
    "lbw=IN01@0.5",
    "lbw=OUTD",
    "lbw=NONE",
    "lbw=ALL",
    "lbw=0,MID@1,BASE@0.3",
    "lbw=1,attn2@-0.7",
    "lbw=ALL0.5",
)
weights = st.sampled_from([1.0, 0.0, -1.0, 0.7, 0.3])
tags = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), weights, weights, st.none() | st.sampled_from(DIRECTIVES)), max_size=4
)


def close(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(found[key].double(), wanted[key], rtol=1e-5, atol=1e-6) for key in wanted)


@pytest.mark.parametrize("kind", list(PATCHERS))
@settings(max_examples=25)
@given(plans=st.lists(tags, min_size=1, max_size=4))
def test_any_prompts_one_after_the_other_give_base_plus_the_weighted_deltas(
    kind: str, make_rig: Callable[..., Rig], plans: list[Any]
) -> None:
    rig = make_rig(kind)
    contents = {"a": lora(1), "b": lora(2, encoder=False), "c": lora(3, kind="loha")}
    for name, content in contents.items():
        rig.world.save(name, content)
    base = rig.weights()
    for plan in plans:
        # the same file twice as a plain tag at one strength is the host's own business (Forge applies it once)
        given_tags = [(name, te, unet, entry(name, text or "lbw=1")) for name, te, unet, text in plan]
        wanted = oracle(base, [(contents[name], te, unet, tag) for name, te, unet, tag in given_tags])
        assert close(rig.weights(*given_tags), wanted)
        assert rig.adapter.notices == ()
    assert same_bits(rig.weights(), base)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", list(PATCHERS))
def test_no_block_is_no_lora_and_all_blocks_are_the_plain_tag_to_the_bit(
    kind: str, dtype: torch.dtype, make_rig: Callable[..., Rig]
) -> None:
    rig = make_rig(kind, dtype)
    rig.world.save("a", lora(1))
    base = rig.weights()
    plain = rig.weights(("a", 0.7, 0.9, None))
    assert not same_bits(plain, base)
    assert same_bits(rig.weights(("a", 0.7, 0.9, entry("a", "lbw=NONE"))), base)
    assert same_bits(rig.weights(("a", 0.7, 0.9, entry("a", "lbw=ALL"))), plain)
    assert same_bits(rig.weights(("a", 0.7, 0.9, entry("a", "lbw=NONE"))), base)
    some = rig.weights(("a", 0.7, 0.9, entry("a", "lbw=0,IN01@1")))
    assert {key for key in base if not same_bits({key: some[key]}, {key: base[key]})} == {
        "diffusion_model.input_blocks.1.1.norm.weight",
        "diffusion_model.input_blocks.1.1.proj_in.weight",
    }


def test_one_file_twice_counts_twice(rig: Rig) -> None:
    content = lora(1)
    rig.world.save("a", content)
    base = rig.weights()
    for first, second in ((None, "lbw=0,IN01@1"), ("lbw=0,IN01@1", None), ("lbw=ALL", "lbw=ALL"), ("lbw=ALL", None)):
        pair = [("a", 1.0, 1.0, text and entry("a", text)) for text in (first, second)]
        wanted = oracle(base, [(content, te, unet, tag) for _, te, unet, tag in pair])  # type: ignore[misc]
        assert close(rig.weights(*pair), wanted)


def test_a_lora_without_text_encoder_does_not_shift_the_next_one(rig: Rig) -> None:
    first, second = lora(1, encoder=False), lora(2)
    rig.world.save("a", first)
    rig.world.save("b", second)
    base = rig.weights()
    one, two = entry("a", "lbw=1,BASE@0"), entry("b", "lbw=1,BASE@0.5")
    wanted = oracle(base, [(first, 1, 1, one), (second, 1, 1, two)])
    assert close(rig.weights(("a", 1.0, 1.0, one), ("b", 1.0, 1.0, two)), wanted)


def test_fused_weights_are_weighed_part_by_part(make_rig: Callable[..., Rig]) -> None:
    for kind in ("forge", "reforge", "neo"):
        rig = make_rig(kind)
        content = {
            (FUSED, (0, start, 2)): ("lora", (torch.ones(2, 1) * (start + 1), torch.ones(1, 6), 1.0))
            for start in (0, 2)
        }
        rig.world.save("a", content)
        base = rig.weights()
        tag = entry("a", "lbw=1,MID@0.5")
        assert close(rig.weights(("a", 1.0, 1.0, tag)), oracle(base, [(content, 1, 1, tag)]))


def test_a_patch_that_replaces_a_weight_goes_where_the_weight_is_0(rig: Rig) -> None:
    rig.world.save("a", {FUSED: ("set", (torch.ones(6, 6),))})
    base = rig.weights()
    assert torch.equal(rig.weights(("a", 1.0, 1.0, None))[FUSED], torch.ones(6, 6))
    assert same_bits(rig.weights(("a", 1.0, 1.0, entry("a", "lbw=1,MID@0"))), base)


def test_nothing_of_the_file_is_changed(rig: Rig) -> None:
    content = lora(1)
    rig.world.save("a", content)
    before = [tensor.clone() for _, values in content.values() for tensor in values if isinstance(tensor, torch.Tensor)]
    for text in ("lbw=IN01@0", "lbw=NONE", "lbw=ALL", "start=2"):
        rig.weights(("a", 1.0, 1.0, entry("a", text)))
    after = [tensor for _, values in content.values() for tensor in values if isinstance(tensor, torch.Tensor)]
    assert all(map(torch.equal, before, after))


def test_zeros_stay_where_somebody_else_takes_part_in_loading(rig: Rig) -> None:
    rig.world.save("a", lora(1))
    rig.world.save("set", {FUSED: ("set", (torch.ones(6, 6),))})
    base = rig.weights()
    rig.adapter.uninstall()
    own = rig.world.networks.load_networks
    rig.world.networks.load_networks = lambda *args: own(*args)
    rig.adapter.install()
    tags = [(name, 1.0, 1.0, entry(name, "lbw=NONE")) for name in ("a", "set")]
    assert all(torch.equal(found, base[key]) for key, found in rig.weights(*tags).items())
    patcher = rig.world.sd.forge_objects.unet
    stores = list(patcher.lora_patches.values()) if hasattr(patcher, "lora_patches") else [patcher.patches]
    kept = {key: entries for store in stores for key, entries in store.items()}
    assert len(kept) == 8
    assert all(each[0] == 0.0 for entries in kept.values() for each in entries)
    if hasattr(patcher, "lora_patches"):
        assert all(name[0].startswith(str(rig.world.folder / "a.safetensors")) for name in patcher.lora_patches)


def test_somebody_elses_loading_in_our_place_still_finds_the_weights(rig: Rig) -> None:
    """Regional Prompter puts a function of its own into the place of `load_networks`."""
    content = lora(1)
    rig.world.save("a", content)
    base = rig.weights()
    rig.adapter.uninstall()
    theirs = rig.world.networks.load_networks
    rig.adapter.install()
    rig.world.networks.load_networks = theirs
    for text in ("lbw=IN01@0.5", "lbw=IN01@0.7", "lbw=IN01@0.7"):
        tag = entry("a", text)
        assert close(rig.weights(("a", 1.0, 1.0, tag)), oracle(base, [(content, 1, 1, tag)]))
        assert rig.adapter.notices == ()
    rig.world.networks.load_networks = theirs
    rig.weights(("a", 1.0, 1.0, entry("a", "start=2")))
    rig.world.networks.load_networks = theirs
    assert same_bits(rig.weights(), base)
    rig.adapter.uninstall()
    assert rig.world.networks.load_networks is theirs


def test_a_missing_lora_is_told_of_and_the_others_act(rig: Rig) -> None:
    content = lora(1)
    rig.world.save("a", content)
    base = rig.weights()
    tag = entry("a", "lbw=IN01@0.5")
    tags = [("gone", 1.0, 1.0, entry("gone", "lbw=ALL")), ("a", 0.5, 0.7, tag), ("gone", 1.0, 1.0, None)]
    assert close(rig.weights(*tags), oracle(base, [(content, 0.5, 0.7, tag)]))
    assert [notice.template for notice in rig.adapter.notices] == [adapter.MISSING]
    assert same_bits(rig.weights(("gone", 1.0, 1.0, None)), base)


@pytest.mark.parametrize("fault", ["broken", "unfit"])
def test_a_file_that_cannot_be_applied_is_told_of_and_the_others_act(rig: Rig, fault: str) -> None:
    content = lora(1)
    rig.world.save("a", content)
    rig.world.save("bad", {fault: ("diff", ())})
    base = rig.weights()
    tags = [("bad", 1.0, 1.0, entry("bad", "lbw=ALL")), ("a", 1.0, 1.0, entry("a", "lbw=ALL"))]
    assert close(rig.weights(*tags), oracle(base, [(content, 1, 1, None)]))
    assert [notice.template for notice in rig.adapter.notices] == [adapter.UNREADABLE]
    rig.activate(("a", 1.0, 1.0, None))
    assert rig.adapter.notices == ()


def test_a_host_that_patches_no_layers_is_told_of(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig("neo")
    rig.world.save("a", {"nunchaku": ("diff", ())})
    rig.activate(("a", 1.0, 1.0, entry("a", "lbw=IN01@0.5")))
    assert [notice.template for notice in rig.adapter.notices] == [activation.UNREACHED]
    rig.activate(("a", 1.0, 1.0, None))
    assert rig.adapter.notices == ()


def test_layers_of_no_known_block_weigh_as_other(rig: Rig) -> None:
    rig.world.sd.forge_objects.unet.model.diffusion_model.llama = torch.nn.Linear(2, 2)
    key = "diffusion_model.llama.weight"
    rig.world.save("a", {key: ("diff", (torch.ones(2, 2),))})
    base = rig.weights()
    assert close(rig.weights(("a", 1.0, 1.0, entry("a", "lbw=1,OTHER@0.5"))), {key: base[key].double() + 0.5})
    assert [notice.template for notice in rig.adapter.notices] == [activation.UNNAMED]
