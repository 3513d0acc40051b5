"""Diffusion transformers: the real module names of diffusers, and the names of the original implementations."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from lib_lbw.blocks import DIALECTS, Family, ModuleId, block_of, families, family, generic_family, parse_module, spell
from lib_lbw.errors import FamilyError, KeyNameError

DOUBLE = {"num_layers": 1, "num_single_layers": 1}
DIFFUSERS = {
    "Flux": ("2DModel", DOUBLE, "flux", {"transformer_blocks": 19, "single_transformer_blocks": 38}),
    "Flux2": ("2DModel", DOUBLE, "dit:flux2-klein-4b", {"transformer_blocks": 5, "single_transformer_blocks": 20}),
    "HunyuanVideo": (
        "3DModel",
        DOUBLE,
        "dit:hunyuan-video",
        {"transformer_blocks": 20, "single_transformer_blocks": 40},
    ),
    "SD3": ("2DModel", {"num_layers": 2, "dual_attention_layers": (0,)}, "dit:sd3", {"transformer_blocks": 24}),
    "QwenImage": ("2DModel", {"num_layers": 1}, "dit:qwen-image", {"transformer_blocks": 60}),
    "Wan": ("3DModel", {"num_layers": 1}, "dit:wan", {"blocks": 40}),
    "ZImage": ("2DModel", {"n_layers": 1}, "dit:z-image", {"layers": 30, "context_refiner": 2, "noise_refiner": 2}),
    "Lumina2": ("2DModel", {"num_layers": 1}, "dit:lumina2", {"layers": 26, "context_refiner": 2, "noise_refiner": 2}),
    "Cosmos": ("3DModel", {"num_layers": 1}, "dit:anima", {"transformer_blocks": 28}),
    "Krea2": ("2DModel", {"num_layers": 1}, "dit:krea2", {"transformer_blocks": 28}),
}
MODULATE_ALL_BLOCKS = {
    "Flux2": {"double_stream_modulation_img", "double_stream_modulation_txt", "single_stream_modulation"},
    "Chroma": {"distilled_guidance_layer"},
}
WAN = {"blocks": ("self_attn.q", "self_attn.o", "cross_attn.k", "cross_attn.v_img", "ffn.0", "ffn.2")}
REFINERS = ("attention.qkv", "attention.out", "feed_forward.w1", "feed_forward.w3")
FLUX = {
    "double_blocks": ("img_attn.qkv", "img_attn.proj", "img_mlp.0", "img_mlp.2", "txt_attn.qkv", "txt_mlp.0"),
    "single_blocks": ("linear1", "linear2"),
}
MODULATED = {
    "double_blocks": (*FLUX["double_blocks"], "img_mod.lin", "txt_mod.lin"),
    "single_blocks": (*FLUX["single_blocks"], "modulation.lin"),
}
ANIMA = {
    "blocks": ("self_attn.q_proj", "self_attn.output_proj", "cross_attn.k_proj", "mlp.layer1", "mlp.layer2"),
}
ORIGINAL = [
    ("flux", MODULATED, {"double_blocks": 19, "single_blocks": 38}),
    ("dit:flux2-klein-4b", FLUX, {"double_blocks": 5, "single_blocks": 20}),
    ("dit:flux2-klein-9b", FLUX, {"double_blocks": 8, "single_blocks": 24}),
    ("dit:hunyuan-video", MODULATED, {"double_blocks": 20, "single_blocks": 40}),
    (
        "dit:sd3",
        {"joint_blocks": ("context_block.attn.qkv", "x_block.attn.proj", "x_block.mlp.fc1")},
        {"joint_blocks": 24},
    ),
    (
        "dit:sd3.5-large",
        {"joint_blocks": ("context_block.attn.qkv", "x_block.adaLN_modulation.1")},
        {"joint_blocks": 38},
    ),
    ("dit:z-image", {"layers": REFINERS, "context_refiner": REFINERS}, {"layers": 30, "context_refiner": 2}),
    ("dit:lumina2", {"layers": REFINERS, "noise_refiner": REFINERS}, {"layers": 26, "noise_refiner": 2}),
    ("dit:anima", ANIMA, {"blocks": 28}),
    ("dit:anima-40", ANIMA, {"blocks": 40}),
    ("dit:wan-30", WAN, {"blocks": 30}),
    ("dit:wan", WAN, {"blocks": 40}),
    ("dit:krea2", {"blocks": ("attn.wq", "attn.gate", "mlp.up", "mlp.down")}, {"blocks": 28}),
]


def _modules(children: dict[str, tuple[str, ...]], lengths: dict[str, int]) -> list[ModuleId]:
    return [
        ModuleId("transformer", f"{name}.{number}.{child}")
        for name, length in lengths.items()
        for child in children[name]
        for number in range(length)
    ]


def _check(modules: list[ModuleId], id: str, lengths: dict[str, int]) -> Family:
    for dialect in DIALECTS:
        for module in modules:
            assert parse_module(spell(module, dialect)) == module
    found = generic_family(modules)
    assert found.id == id
    for name, length in lengths.items():
        leaves = {block_of(ModuleId("transformer", f"{name}.{number}.x"), found) for number in range(length)}
        assert len(leaves) == length
        assert "OTHER" not in leaves
    return found


@pytest.mark.parametrize("name", DIFFUSERS)
def test_names_of_diffusers(name: str) -> None:
    suffix, config, id, lengths = DIFFUSERS[name]
    modules = _expanded(list(_linear_layers(f"{name}Transformer{suffix}", config)), lengths)
    found = _check(modules, id, lengths)
    outside = {module.path.split(".")[0] for module in modules if block_of(module, found) == "OTHER"}
    assert outside == MODULATE_ALL_BLOCKS.get(name, set())


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")
def test_names_of_chroma() -> None:
    layers = list(_linear_layers("ChromaTransformer2DModel", DOUBLE))
    lengths = {"transformer_blocks": 19, "single_transformer_blocks": 38}
    modules = _expanded(layers, lengths)
    _check(modules, "flux", lengths)
    outside = {module.path.split(".")[0] for module in modules if block_of(module, family("chroma")) == "OTHER"}
    assert outside == MODULATE_ALL_BLOCKS["Chroma"]


def _linear_layers(name: str, config: dict[str, Any]) -> Iterator[str]:
    torch = importlib.import_module("torch")
    with torch.device("meta"):
        model = getattr(importlib.import_module("diffusers"), name)(**config)
    for path, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d | torch.nn.Conv3d):
            yield path


def _expanded(paths: list[str], lengths: dict[str, int]) -> list[ModuleId]:
    """The layers of a model of one block per list, with the numbers of the real one."""
    expanded = []
    for path in paths:
        head, _, tail = path.partition(".")
        if head not in lengths:
            expanded.append(path)
        elif tail.startswith("0."):
            expanded.extend(f"{head}.{number}.{tail[2:]}" for number in range(lengths[head]))
    return [ModuleId("transformer", path) for path in expanded]


@pytest.mark.parametrize(("id", "children", "lengths"), ORIGINAL)
def test_names_of_the_original_models(id: str, children: dict[str, tuple[str, ...]], lengths: dict[str, int]) -> None:
    found = _check(_modules(children, lengths), id, lengths)
    assert found == family(id)


def test_every_family_of_the_data_is_tried() -> None:
    tried = {id for id, _, _ in ORIGINAL} | {id for _, _, id, _ in DIFFUSERS.values()}
    assert {each.id for each in families() if each.id.startswith("dit:")} <= tried


def test_a_part_of_flux_is_still_flux() -> None:
    modules = _modules(MODULATED, {"double_blocks": 7, "single_blocks": 20})
    assert generic_family(modules).id == "flux"


def test_two_models_of_the_same_names_are_not_guessed_between() -> None:
    assert generic_family(_modules(WAN, {"blocks": 12})).id == "dit:unknown"


def test_an_unknown_model_gets_blocks_from_its_lists() -> None:
    names = {"layers": ("attention.to_q",), "early_blocks": ("mixer.in",), "blocks": ("a.b",)}
    modules = [
        *_modules(names, {"layers": 9, "early_blocks": 3, "blocks": 9}),
        ModuleId("transformer", "x_embedder.proj"),
        ModuleId("transformer", "final_layer.linear"),
        ModuleId("transformer", "side_net.proj"),
        ModuleId("te1", "layers.0.mlp.up_proj"),
    ]
    found = generic_family(modules)
    assert found.id == "dit:unknown"
    numbered = [*(f"EB0{n}" for n in range(3)), *(f"B0{n}" for n in range(9)), *(f"L0{n}" for n in range(9))]
    assert found.shown() == ("BASE", "IN", "SIDENET", *numbered, "OUT", "OTHER")
    blocks = [block_of(module, found) for module in modules[-4:]]
    assert blocks == ["IN", "OUT", "SIDENET", "TE1"]
    assert found.full_length == len(found.shown()) - 1


def test_a_hundred_blocks_and_more() -> None:
    found = generic_family(_modules({"blocks": ("a.b",)}, {"blocks": 104}))
    assert found.block("b103") == "B103"
    assert block_of(ModuleId("transformer", "blocks.103.a.b"), found) == "B103"
    assert len(found.shown()) == 104 + 4


@pytest.mark.parametrize("name", ["blocks.1000.a", "blocks.99999999999.a.b", "blocks.007.a", "3.proj", "blocks.٣.a.b"])
def test_numbers_no_model_has_are_refused(name: str) -> None:
    with pytest.raises(KeyNameError):
        parse_module(f"transformer.{name}")


def test_a_part_never_takes_the_name_of_a_block() -> None:
    found = generic_family([*_modules({"blocks": ("a.b",)}, {"blocks": 2}), ModuleId("transformer", "out.proj")])
    assert len(set(found.shown())) == len(found.shown())
    assert block_of(ModuleId("transformer", "out.proj"), found) == "OTHER"


def test_prefixes_never_clash() -> None:
    found = generic_family(
        _modules({"blocks": ("a.b",), "transformer_blocks": ("a.b",)}, {"blocks": 2, "transformer_blocks": 3})
    )
    assert len(set(found.shown())) == len(found.shown()) == 2 + 3 + 4


@pytest.mark.parametrize("paths", [[], ["img_in"], ["t_embedder.1.linear_1", "proj_out"]])
def test_no_list_no_family(paths: list[str]) -> None:
    with pytest.raises(FamilyError, match="numbered list"):
        generic_family(ModuleId("transformer", path) for path in paths)


def test_the_point_of_a_name_decides_where_a_word_ends() -> None:
    for name in ("lora_unet_double_blocks_0_img_attn_qkv", "diffusion_model.double_blocks.0.img_attn_qkv"):
        assert parse_module(name).path == "double_blocks.0.img_attn.qkv"
    assert parse_module("lora_unet_blocks_3_adaln_modulation_self_attn_1").path == (
        "blocks.3.adaln_modulation_self_attn.1"
    )
    assert parse_module("lora_unet_blocks_3_new_kind_of_layer").path == "blocks.3.new_kind_of_layer"
    assert parse_module("lora_transformer_single_transformer_blocks_3_proj_out").path == (
        "single_transformer_blocks.3.proj_out"
    )
