"""Ratios: exact for every algorithm, nothing else changed, only changed layers merged again, never stale."""

import os
import shutil
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.blocks.family import family
from lib_lbw.weights.grammar import parse_directive
from lib_lbw.weights.resolve import resolve
from tests.hosts_a1111.model import ATTENTION_LAYER, LAYERS, PROJECTIONS, write_lora
from tests.hosts_a1111.program import Program

BLOCKS = {name: layer.block for name, layer in zip([each.file for each in LAYERS["sd1"]], LAYERS["sd1"], strict=True)}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def layers_of_block(host: Program, *blocks: str) -> set[str]:
    return {host.model.sd_keys[each.file] for each in LAYERS[host.model.family] if each.block in blocks}


def expected(host: Program, base: dict[str, torch.Tensor], tags: list[tuple[str, float, float, str]]) -> dict[str, Any]:
    """Merge by hand in float64: what the host's own modules give at multiplier 1, times multiplier, times weight."""
    kind = family(host.model.family)
    made = {name: tensor.double() for name, tensor in base.items()}
    files = {each.name: each for each in host.networks.loaded_networks}
    for name, te, unet, weights in tags:
        numbers = resolve(parse_directive(f"<lora:{name}:1:lbw={weights}>"), kind)
        network = getattr(files[name], "_lbw_origin", files[name])
        network.te_multiplier = network.unet_multiplier = 1.0
        for layer in LAYERS[host.model.family]:
            key = host.model.sd_keys[layer.file]
            if key not in network.modules:
                continue
            scale = numbers.block_weight(layer.block if layer.block != "BASE" else "TE1")
            scale *= te if "te" in layer.file[:7] else unet
            delta, bias = network.modules[key].calc_updown(made[f"{key}.weight"])
            made[f"{key}.weight"] = made[f"{key}.weight"] + scale * delta.double()
            if bias is not None:
                made[f"{key}.bias"] = made[f"{key}.bias"] + scale * bias.double()
    return made


def check(host: Program, got: dict[str, torch.Tensor], want: dict[str, torch.Tensor]) -> None:
    for name, tensor in want.items():
        torch.testing.assert_close(got[name].double(), tensor, rtol=1e-5, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


KINDS = ["lora", "full", "dora"]
REAL_KINDS = ["loha", "lokr", "ia3", "glora"]


@pytest.mark.parametrize("kind", KINDS + REAL_KINDS)
def test_every_algorithm_gets_exact_weights(host: Program, kind: str) -> None:
    if kind in REAL_KINDS and not host.is_real:
        pytest.skip("the stand-in has no such algorithm")
    if kind == "glora" and not hasattr(host.networks, "network_glora"):
        pytest.skip("this host has no GLoRA")
    fitting = {each.file: kind for each in LAYERS["sd1"]}
    if kind in ("glora", "ia3"):
        fitting = {name: kind if "attn" in name else "lora" for name in fitting}
    if kind in ("full", "dora"):
        fitting = {name: "lora" if name.endswith(("to_q", "to_k")) else kind for name in fitting}
    write_lora(host.folder, "a", "sd1", fitting)
    base = host.paint("")
    weights = "0.5,IN01@-0.75,IN05@0,OUT06@2,OTHER@0.25"
    got = host.paint(f"<lora:a:0.8:0.6:lbw={weights}>")
    assert not host.errors
    check(host, got, expected(host, base, [("a", 0.8, 0.6, weights)]))
    assert same(host.paint(""), base)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([1.0, 0.5, -1.0]),
            st.sampled_from([1.0, 0.7]),
            st.dictionaries(st.sampled_from(sorted(set(BLOCKS.values()))), st.sampled_from([0.0, 1.0, -0.5, 0.3])),
        ),
        max_size=3,
    )
)
def test_any_prompt_merges_what_it_says(host: Program, tags: list[tuple[str, float, float, dict[str, float]]]) -> None:
    for number, name in enumerate("ab"):
        if not (host.folder / f"{name}.safetensors").exists():
            write_lora(host.folder, name, "sd1", seed=number + 1)
    base = host.paint("")
    written = [(n, te, unet, "1" + "".join(f",{b}@{w}" for b, w in blocks.items())) for n, te, unet, blocks in tags]
    got = host.paint("".join(f"<lora:{n}:{te}:{unet}:lbw={weights}>" for n, te, unet, weights in written))
    check(host, got, expected(host, base, written))
    assert same(host.paint(""), base)
    assert not host.errors


def test_weight_one_is_the_plain_tag_and_none_no_lora_bit_for_bit(host: Program) -> None:
    write_lora(
        host.folder,
        "a",
        "sd1",
        {each.file: "lora" if each.file.endswith(("to_q", "to_k")) else "full" for each in LAYERS["sd1"]},
    )
    base = host.paint("")
    plain = host.paint("<lora:a:0.7>")
    assert not same(plain, base)
    assert same(host.paint("<lora:a:0.7:lbw=ALL>"), plain)
    assert same(host.paint("<lora:a:0.7:lbw=NONE>"), base)
    assert same(host.paint("<lora:a:0.7>"), plain)


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_the_old_way_of_adding_at_every_use_gets_the_weights_too(host: Program, kind: str) -> None:
    if kind == "full" and not host.is_real:
        pytest.skip("the stand-in adds only LoRA at every use")
    write_lora(
        host.folder,
        "a",
        "sd1",
        {each.file: kind for each in LAYERS["sd1"] if each.block in ("MID", "OUT06", "OUT05", "BASE")},
    )
    host.activate("<lora:a:0.7:lbw=0.5,MID@0,OUT06@-1>")
    merged = host.outputs()
    host.shared.opts.lora_functional = True
    try:
        added = host.outputs()
    except NotImplementedError:
        pytest.skip("this host can add only LoRA at every use")
    for name, output in merged.items():
        torch.testing.assert_close(added[name], output, rtol=1e-4, atol=1e-4)


def test_only_the_layers_of_a_changed_block_are_merged_again(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    write_lora(host.folder, "b", "sd1", seed=2)
    host.paint("<lora:a:1:lbw=ALL><lora:b:0.5>")
    host.forget()
    host.paint("<lora:a:1:lbw=ALL><lora:b:0.5>")
    assert (host.merged, host.read) == ([], [])
    host.paint("<lora:a:1:lbw=ALL,IN01@0><lora:b:0.5>")
    assert set(host.merged) == layers_of_block(host, "IN01")
    host.forget()
    host.paint("<lora:a:1:lbw=ALL,IN05@0><lora:b:0.5>")
    assert set(host.merged) == layers_of_block(host, "IN01", "IN05")
    assert len(host.merged) == len(set(host.merged))
    host.forget()
    host.paint("<lora:a:1><lora:b:0.5>")
    assert set(host.merged) == layers_of_block(host, "IN05")
    assert host.read == []


def test_without_a_lora_the_hosts_own_function_stands_before_every_layer(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    host.gate.uninstall()
    own = host.networks.network_apply_weights
    host.gate.install()
    assert host.networks.network_apply_weights is own
    host.paint("<lora:a:1:lbw=1,OUT06@0>")
    assert host.networks.network_apply_weights is not own
    host.paint("")
    assert host.networks.network_apply_weights is own


@pytest.mark.parametrize("after", ["1", "0.5", "1,OUT06@0"])
def test_layers_that_were_not_used_without_the_lora_have_the_new_weights(host: Program, after: str) -> None:
    write_lora(host.folder, "a", "sd1")
    base = host.paint("")
    wanted = host.paint(f"<lora:a:1:lbw={after}>")
    host.paint("")
    host.paint("<lora:a:1:lbw=0.25>")
    host.activate("")  # as with a cached prompt: its text encoder is not asked
    assert same(host.paint(f"<lora:a:1:lbw={after}>"), wanted)
    host.activate("")
    assert same(host.weights(), base)


def test_the_hosts_objects_and_tensors_stay_as_they_are(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    host.activate("<lora:a:1>")
    network = host.networks.loaded_networks[0]
    before = {key: (id(module), dict(module.__dict__)) for key, module in network.modules.items()}
    tensors = {
        key: module.up_model.weight.clone() for key, module in network.modules.items() if hasattr(module, "up_model")
    }
    host.paint("<lora:a:1:lbw=ALL,IN01@0.5,MID@0:step=2-4>")
    host.activate("<lora:a:1>")
    assert host.networks.loaded_networks == [network]
    assert network.name == network.mentioned_name == "a"
    assert {key: (id(module), dict(module.__dict__)) for key, module in network.modules.items()} == before
    assert all(torch.equal(network.modules[key].up_model.weight, tensor) for key, tensor in tensors.items())


def test_the_same_lora_twice_adds_up(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    base = host.paint("")
    got = host.paint("<lora:a:0.5:lbw=0,IN01@1><lora:a:0.25:lbw=1,IN01@0>")
    check(host, got, expected(host, base, [("a", 0.5, 0.5, "0,IN01@1"), ("a", 0.25, 0.25, "1,IN01@0")]))
    plain_beside = host.paint("<lora:a:0.5><lora:a:0.25:lbw=1,IN01@0>")
    check(host, plain_beside, expected(host, base, [("a", 0.5, 0.5, "1"), ("a", 0.25, 0.25, "1,IN01@0")]))
    assert [each.te_multiplier for each in host.networks.loaded_networks] == [0.5, 0.25]


def test_missing_files_and_files_without_a_text_encoder_do_not_shift_weights(host: Program) -> None:
    names = [each.file for each in LAYERS["sd1"]]
    write_lora(host.folder, "unet", "sd1", {name: "lora" for name in names if "_te" not in name})
    write_lora(host.folder, "whole", "sd1", seed=2)
    base = host.paint("")
    got = host.paint("<lora:gone:1:lbw=NONE><lora:unet:1:lbw=0.5><lora:gone:1><lora:whole:1:lbw=ALL,BASE@0>")
    check(host, got, expected(host, base, [("unet", 1, 1, "0.5"), ("whole", 1, 1, "1,BASE@0")]))


def test_a_file_that_is_replaced_is_read_and_merged_anew_even_by_an_older_one(host: Program) -> None:
    path = write_lora(host.folder, "a", "sd1", seed=1)
    os.utime(path, (1_000_000, 1_000_000))
    first = host.paint("<lora:a:1:lbw=ALL,IN01@0.5>")
    shutil.copy(path, host.folder / "kept.old")
    write_lora(host.folder, "a", "sd1", seed=2)
    second = host.paint("<lora:a:1:lbw=ALL,IN01@0.5>")
    assert not same(first, second)
    digest = host.adapter.te_digest()
    shutil.copy(host.folder / "kept.old", path)
    os.utime(path, (900_000, 900_000))
    assert same(host.paint("<lora:a:1:lbw=ALL,IN01@0.5>"), first)
    assert host.adapter.te_digest() != digest


@pytest.mark.parametrize("stays", [False, True])
def test_an_older_file_that_takes_the_name_is_read_in_place_of_the_other(host: Program, stays: bool) -> None:
    """The host lists one of several files of a name; it asks only whether that one is newer than what it has read."""
    first, second = (write_lora(host.folder, name, "sd1", seed=seed) for seed, name in enumerate("ab", 1))
    want = host.paint("<lora:b:1:lbw=ALL,IN01@0.5>")
    (host.folder / "sub").mkdir()
    older = second.rename(host.folder / "sub" / "a.hidden")
    os.utime(older, (900_000, 900_000))
    host.networks.list_available_networks()
    assert not same(host.paint("<lora:a:1:lbw=ALL,IN01@0.5>"), want)
    if not stays:
        first.unlink()
    older.rename(older.with_suffix(".safetensors"))
    host.networks.list_available_networks()
    assert same(host.paint("<lora:a:1:lbw=ALL,IN01@0.5>"), want)


def test_random_weights_follow_the_seed(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    pictures = []
    for host.seed in (1, 2, 1):
        pictures.append(host.paint("<lora:a:1:lbw=ALL,IN01@R>"))
    assert same(pictures[0], pictures[2])
    assert not same(pictures[0], pictures[1])


def test_another_checkpoint_gets_the_weights_too(host: Program) -> None:
    write_lora(host.folder, "a", "sd1")
    first = host.paint("<lora:a:1:lbw=0.5,MID@0>")
    host.load_checkpoint("sd1")
    assert same(host.paint("<lora:a:1:lbw=0.5,MID@0>"), first)


def test_attention_in_one_piece(xl_host: Program) -> None:
    host = xl_host
    write_lora(host.folder, "a", "sdxl")
    base = host.paint("")
    plain = host.paint("<lora:a:1>")
    half = host.paint("<lora:a:1:lbw=1,TE2@0.5>")
    whole, out = f"{ATTENTION_LAYER}.in_proj_weight", f"{ATTENTION_LAYER}.out_proj.weight"
    for name in (whole, out):
        assert not torch.equal(plain[name], base[name])
        torch.testing.assert_close(half[name] - base[name], (plain[name] - base[name]) / 2)
    host.forget()
    only_out = host.paint("<lora:a:1:lbw=1,TE2@0.5,TE2.out_proj@1>")
    assert host.merged == [ATTENTION_LAYER]
    assert torch.equal(only_out[whole], half[whole])
    assert torch.equal(only_out[out], plain[out])
    without = host.paint("<lora:a:1:lbw=1,TE2@0>")
    assert torch.equal(without[whole], base[whole])
    assert len(PROJECTIONS) == 4
