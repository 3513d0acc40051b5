"""Parameters of the hosts' models -> modules, and names of tags -> LoRAs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import family
from lib_lbw.blocks.locate import block_of
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import HostError
from lib_lbw.hosts.forge.adapter import ForgeAdapter
from lib_lbw.hosts.forge.found import missing, pair
from lib_lbw.hosts.forge.keys import is_denoiser, module_of, place_of
from lib_lbw.hosts.forge.same import same_entries
from lib_lbw.hosts.webui.listed import filename_of
from tests.hosts_forge.loras import entry

SD1_ATTENTION = (1, 2, 4, 5, 7, 8)
SDXL_DEPTHS = {4: 2, 5: 2, 7: 10, 8: 10}
INSIDE = ("norm", "proj_in", "proj_out", *(f"transformer_blocks.0.attn{n}.to_{x}" for n in (1, 2) for x in "qkv"))


def unet_keys(levels: int, attention: dict[int, int], decoder: dict[int, int], middle: int) -> dict[str, str]:
    """Parameter names of an original U-Net -> block, written out from its layout."""
    keys = {
        "time_embed.0.weight": "OTHER",
        "time_embed.2.bias": "OTHER",
        "out.0.weight": "OTHER",
        "out.2.weight": "OTHER",
    }
    keys["input_blocks.0.0.weight"] = "IN00"
    for number in range(1, 3 * levels):
        down = number % 3 == 0
        inner = "0.op" if down else "0.in_layers.2"
        keys[f"input_blocks.{number}.{inner}.weight"] = f"IN{number:02d}"
        keys |= transformer(f"input_blocks.{number}", f"IN{number:02d}", attention.get(number, 0))
    for part in ("0.in_layers.0", "0.emb_layers.1", "2.out_layers.3"):
        keys[f"middle_block.{part}.weight"] = "MID"
    keys |= transformer("middle_block", "MID", middle)
    for number in range(3 * levels):
        keys[f"output_blocks.{number}.0.skip_connection.weight"] = f"OUT{number:02d}"
        keys |= transformer(f"output_blocks.{number}", f"OUT{number:02d}", decoder.get(number, 0))
        if number % 3 == 2 and number < 3 * levels - 1:
            child = 2 if decoder.get(number) else 1
            keys[f"output_blocks.{number}.{child}.conv.weight"] = f"OUT{number:02d}"
    return {f"diffusion_model.{key}": block for key, block in keys.items()}


def transformer(place: str, block: str, depth: int) -> dict[str, str]:
    if not depth:
        return {}
    keys = {
        f"{place}.1.{name}.{kind}": block for name in ("norm", "proj_in", "proj_out") for kind in ("weight", "bias")
    }
    for layer in range(depth):
        for part in ("attn1.to_q", "attn2.to_k", "attn2.to_out.0", "ff.net.0.proj", "ff.net.2", "norm1"):
            keys[f"{place}.1.transformer_blocks.{layer}.{part}.weight"] = block
    return keys


SD1 = unet_keys(4, dict.fromkeys(SD1_ATTENTION, 1), dict.fromkeys(range(3, 12), 1), 1)
SDXL = unet_keys(3, SDXL_DEPTHS, {0: 10, 1: 10, 2: 10, 3: 2, 4: 2, 5: 2}, 10) | {
    "diffusion_model.label_emb.0.0.weight": "OTHER"
}


@pytest.mark.parametrize(("id", "keys"), [("sd1", SD1), ("sdxl", SDXL)])
def test_every_key_of_the_unets_has_its_block(id: str, keys: dict[str, str]) -> None:
    assert len(keys) > 150
    known = {key: module_of(key) for key in keys}
    assert None not in known.values()
    assert {key: block_of(place_of(key), family(id)) for key in keys} == keys
    assert all(map(is_denoiser, keys))


@pytest.mark.parametrize(
    ("key", "component", "block"),
    [
        ("clip_l.transformer.text_model.encoder.layers.3.self_attn.q_proj.weight", "te1", "TE1"),
        ("clip_l.transformer.text_model.embeddings.token_embedding.weight", "te1", "TE1"),
        ("clip_l.transformer.text_model.final_layer_norm.bias", "te1", "TE1"),
        ("clip_g.transformer.text_model.encoder.layers.31.mlp.fc2.bias", "te2", "TE2"),
        ("clip_g.transformer.text_projection.weight", "te2", "OTHER"),
        ("clip_g.text_projection", "te2", "OTHER"),
    ],
)
def test_text_encoders_of_sdxl(key: str, component: str, block: str) -> None:
    module = module_of(key)
    assert module is not None
    assert module.component == component
    assert block_of(module, family("sdxl")) == block
    assert not is_denoiser(key)


@pytest.mark.parametrize(
    ("key", "block"),
    [
        ("diffusion_model.double_blocks.0.img_attn.qkv.weight", "D00"),
        ("diffusion_model.double_blocks.18.txt_mlp.2.weight", "D18"),
        ("diffusion_model.double_blocks.3.img_attn.norm.query_norm.scale", "D03"),
        ("diffusion_model.single_blocks.37.linear1.weight", "S37"),
        ("diffusion_model.single_blocks.5.modulation.lin.bias", "S05"),
        ("t5xxl.transformer.encoder.block.3.layer.0.SelfAttention.q.weight", "T5"),
        ("clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "CLIP"),
    ],
)
def test_flux(key: str, block: str) -> None:
    assert module_of(key) is not None
    assert block_of(place_of(key), family("flux")) == block


def test_other_encoders_and_unknown_names() -> None:
    assert module_of("clip_h.transformer.text_model.encoder.layers.3.mlp.fc1.weight") == ModuleId(
        "te1", "text_model.encoder.layers.3.mlp.fc1"
    )
    assert place_of("qwen25_7b.transformer.model.layers.3.mlp.up_proj.weight").component == "te1"
    for key in ("diffusion_model.llama.weight", "clip_g.logit_scale", "strange.thing.weight", "lonely"):
        assert module_of(key) is None
        assert block_of(place_of(key), family("sdxl")) in ("OTHER", "TE1", "TE2")


def disk(*names: str, forbidden: tuple[str, ...] = ()) -> SimpleNamespace:
    files = {name: SimpleNamespace(filename=f"/loras/{name}.safetensors") for name in names}
    aliases = {**files, **{f"alias of {name}": file for name, file in files.items()}}
    looked: list[bool] = []
    return SimpleNamespace(
        available_networks=files,
        available_network_aliases=aliases,
        forbidden_network_aliases=dict.fromkeys(forbidden, 1),
        list_available_networks=lambda: looked.append(True),
        looked=looked,
    )


def test_names_are_found_as_the_host_finds_them() -> None:
    networks = disk("a", "B", forbidden=("b", "alias of a"))
    assert filename_of(networks, "alias of B") == "/loras/B.safetensors"
    assert filename_of(networks, "B") == "/loras/B.safetensors"
    assert filename_of(networks, "alias of a") is None
    assert missing(networks, ["a", "B"]) == frozenset()
    assert networks.looked == []
    assert missing(networks, ["a", "c", "c"]) == {"c"}
    assert networks.looked == [True]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans())), st.lists(st.sampled_from("abz")))
def test_every_tag_goes_to_its_own_name_once_and_in_order(tags: list[tuple[str, bool]], extra: list[str]) -> None:
    pending = [(name, entry(name, "lbw=ALL") if weighed else None) for name, weighed in tags]
    names = [name for name, _ in tags] + extra
    paired = pair(names, [1.0] * len(names), [1.0] * len(names), pending)
    assert [found is given for found, (_, given) in zip(paired, pending, strict=False)] == [True] * len(pending)
    assert all(found is None for found in paired[len(pending) :])


def test_where_tags_are_left_out_the_strengths_tell_which() -> None:
    silent = entry("a", "lbw=NONE")
    loud = entry("a", "lbw=ALL")
    loud = replace(loud, weights=replace(loud.weights, te=0.5, unet=0.7))
    silent = replace(silent, weights=replace(silent.weights, te=0.0, unet=0.0))
    assert pair(["a"], [0.5], [0.7], [("a", silent), ("a", loud)]) == [loud]
    assert pair(["a"], [0.9], [0.9], [("a", silent), ("a", loud)]) == [silent]


def test_entries_are_the_same_by_strength_and_identity() -> None:
    import torch  # noqa: PLC0415

    tensor = torch.zeros(2)
    twin = torch.zeros(2)
    adapted = SimpleNamespace(weights=(tensor, 1.0, None))
    again = SimpleNamespace(weights=(tensor, 1.0, None))
    assert same_entries(None, None)
    assert not same_entries([], None)
    assert same_entries([(1.0, adapted, None)], [(1.0, again, None)])
    assert same_entries([(1.0, ("diff", (tensor,)))], [(1.0, ("diff", (tensor,)))])
    assert not same_entries([(1.0, ("diff", (tensor,)))], [(1.0, ("diff", (twin,)))])
    assert not same_entries([(1.0, (tensor,))], [(0.5, (tensor,))])
    assert not same_entries([(1.0, (tensor, 1)), (2.0,)], [(1.0, (tensor, 1, 2.0))])
    assert not same_entries([(1.0, "x")], [(1.0, "x"), (1.0, "x")])


def test_a_program_that_is_no_forge_is_refused() -> None:
    with pytest.raises(HostError, match="LoRA extension cannot be found"):
        ForgeAdapter().install()
