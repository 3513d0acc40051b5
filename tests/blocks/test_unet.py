"""U-Net names and blocks against the real models and diffusers' own converters."""

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks import DIALECTS, ModuleId, block_of, family, parse_key, parse_module, spell
from lib_lbw.errors import KeyNameError

IDS = ("sd1", "sd2", "sdxl")
BLOCKS = ("input_blocks", "middle_block", "output_blocks", "transformer_blocks", "time_embed", "label_emb")
LAYERS = ("in_layers", "out_layers", "emb_layers", "skip_connection", "proj_in", "proj_out")
SGM = {"down_blocks": "input_blocks", "mid_block": "middle_block", "up_blocks": "output_blocks"}
WITH_UNDERSCORE = (*BLOCKS, *LAYERS, "to_q", "to_k", "to_v", "to_out")


def _ldm(path: str, id: str) -> str:
    """The dotted LDM name, from the underscored one: only block lists and layer names hold underscores."""
    flat = spell(ModuleId("unet", path), "kohya_ldm", family(id)).removeprefix("lora_unet_")
    for word in WITH_UNDERSCORE:
        flat = flat.replace(word, word.replace("_", "-"))
    return flat.replace("_", ".").replace("-", "_")


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_layer_in_every_dialect_and_back(unets: Any, id: str, dialect: str) -> None:
    spelled = {}
    for path in unets[id].layers:
        module = ModuleId("unet", path)
        for each in (family(id), None):
            assert parse_module(spell(module, dialect, each)) == module
        spelled[spell(module, dialect, family(id))] = path
    assert len(spelled) == len(unets[id].layers)


@pytest.mark.parametrize("id", IDS)
def test_ldm_names_are_those_of_the_original_checkpoints(unets: Any, id: str) -> None:
    convert = importlib.import_module("diffusers.loaders.single_file_utils").convert_ldm_unet_checkpoint
    keys = {
        f"model.diffusion_model.{_ldm(path, id)}.{role}": f"{path}.{role}"
        for path in unets[id].layers
        for role in ("weight", "bias")
    }
    assert len(keys) == 2 * len(unets[id].layers)
    converted = convert(keys, unets[id].module.config)
    assert converted == {name: name for name in keys.values()}
    for key, name in keys.items():
        parsed = parse_key(key)
        assert f"{parsed.module.path}.{parsed.role}" == name
        assert parsed.module.component == "unet"


def test_ldm_blocks_of_sdxl_are_those_of_the_lora_converter(unets: Any) -> None:
    convert = importlib.import_module("diffusers.loaders.lora_conversion_utils")._maybe_map_sgm_blocks_to_diffusers
    sdxl = family("sdxl")
    inside = [path for path in unets["sdxl"].layers if path.split(".")[0] in SGM]
    keys = {spell(ModuleId("unet", path), "kohya_ldm", sdxl): path for path in inside}
    converted = {path: key for key, path in convert(dict(keys), unets["sdxl"].module.config).items()}
    assert set(converted) == set(inside)
    for path, key in converted.items():
        head, *parts = path.split(".")
        expected = "_".join(["lora_unet", SGM[head], *parts[: 2 if head == "mid_block" else 3]])
        assert key.startswith(f"{expected}_")


@pytest.mark.parametrize("id", IDS)
def test_blocks_of_attentions_are_those_of_diffusers_block_scales(unets: Any, id: str) -> None:
    utils = importlib.import_module("diffusers.loaders.unet_loader_utils")
    unet = unets[id].module
    levels = len(unet.config.block_out_channels)
    down = {f"block_{i}": [f"IN{1 + 3 * i + j:02d}" for j in range(2)] for i in range(levels)}
    up = {f"block_{i}": [f"OUT{3 * i + j:02d}" for j in range(3)] for i in range(levels)}
    has = {
        side: {f"block_{i}" for i, block in enumerate(blocks) if hasattr(block, "attentions")}
        for side, blocks in (("down", unet.down_blocks), ("up", unet.up_blocks))
    }
    scales = {
        "mid": "MID",
        "down": {name: names for name, names in down.items() if name in has["down"]},
        "up": {name: names for name, names in up.items() if name in has["up"]},
    }
    (expanded,) = utils._maybe_expand_lora_scales(unet, [scales])
    checked = 0
    for path in unets[id].layers:
        parts = path.split(".")
        if "attentions" in parts:
            expected = expanded[".".join(parts[: 3 if parts[0] == "mid_block" else 4])]
            assert block_of(ModuleId("unet", path), family(id)) == expected
            checked += 1
    assert checked > 200


@pytest.mark.parametrize(
    ("id", "outside", "sizes"),
    [
        ("sd1", 4, {"IN00": 1, "IN03": 1, "IN09": 1, "MID": 26, "OUT02": 7, "OUT11": 22}),
        ("sd2", 4, {"IN00": 1, "IN03": 1, "IN09": 1, "MID": 26, "OUT02": 7, "OUT11": 22}),
        ("sdxl", 6, {"IN00": 1, "IN03": 1, "IN07": 139, "IN08": 138, "MID": 143, "OUT02": 140, "OUT08": 6}),
    ],
)
def test_every_layer_is_in_one_block_and_every_block_has_layers(
    unets: Any, id: str, outside: int, sizes: dict[str, int]
) -> None:
    each = family(id)
    found: dict[str, int] = {}
    for path in unets[id].layers:
        leaf = block_of(ModuleId("unet", path), each)
        found[leaf] = found.get(leaf, 0) + 1
    assert found.pop("OTHER") == outside
    assert set(found) == {leaf for leaf in each.blocks if leaf not in ("TE1", "TE2", "OTHER")}
    assert {leaf: found[leaf] for leaf in sizes} == sizes


def test_a_block_that_sdxl_has_not_is_other() -> None:
    assert block_of(ModuleId("unet", "down_blocks.3.resnets.0.conv1"), family("sdxl")) == "OTHER"
    assert block_of(ModuleId("unet", "down_blocks.3.resnets.0.conv1"), family("sd1")) == "IN10"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("lora_unet_output_blocks_2_1_conv", "up_blocks.0.upsamplers.0.conv"),
        ("lora_unet_output_blocks_2_1_proj_in", "up_blocks.0.attentions.2.proj_in"),
        ("lora_unet_output_blocks_2_2_conv", "up_blocks.0.upsamplers.0.conv"),
        ("lora_unet_input_blocks_3_0_op", "down_blocks.0.downsamplers.0.conv"),
        ("lora_unet_out_0", "conv_norm_out"),
        ("lora_unet_out_2", "conv_out"),
        ("lora_unet_time_embed_2", "time_embedding.linear_2"),
        ("lora_unet_label_emb_0_0", "add_embedding.linear_1"),
        ("oft_unet_input_blocks_0_0", "conv_in"),
        ("lora_prior_unet_mid_block_attentions_0_norm", "mid_block.attentions.0.norm"),
        ("unet.unet.conv_in", "conv_in"),
        ("unet.base_model.model.conv_in", "conv_in"),
        ("base_model.model.unet.conv_in", "conv_in"),
        ("diffusion_model.middle_block.1.proj_in", "mid_block.attentions.0.proj_in"),
        ("model.diffusion_model.middle_block.2.out_layers.3", "mid_block.resnets.1.conv2"),
        (
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_out",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
        ),
        (
            "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
        ),
    ],
)
def test_other_spellings(name: str, path: str) -> None:
    assert parse_module(name) == ModuleId("unet", path)


@given(st.integers(0, 15), st.integers(0, 3))
def test_no_number_beyond_the_u_net_is_accepted(level: int, place: int) -> None:
    name = f"lora_unet_down_blocks_{level}_resnets_{place}_conv1"
    if level <= 3 and place <= 1:
        assert parse_module(name).path == f"down_blocks.{level}.resnets.{place}.conv1"
    else:
        with pytest.raises(KeyNameError):
            parse_module(name)
