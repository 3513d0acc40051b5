import json
from typing import Any

import pytest

from lib_lbw.blocks import DIALECTS, ModuleId, block_of, family, spell

LAYER = ModuleId("unet", "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_spelling_is_found(run: Any, dialect: str) -> None:
    status, out, _ = run("where", "--json", "--family", "sd1", spell(LAYER, dialect, family("sd1")))
    [found] = json.loads(out)
    assert status == 0
    assert (found["module"], found["blocks"]) == (str(LAYER), {"IN04": ["sd1"]})


def test_one_layer_in_blocks_of_several_families(run: Any) -> None:
    layer = ModuleId("unet", "up_blocks.1.resnets.0.conv1")
    _, out, _ = run("where", "--json", f"unet.{layer.path}")
    blocks = json.loads(out)[0]["blocks"]
    assert {name: block for block, names in blocks.items() for name in names} == {
        name: block_of(layer, family(name)) for name in ("sd1", "sd2", "sdxl")
    }


def test_a_layer_that_one_family_has(run: Any) -> None:
    _, out, _ = run("where", "unet.up_blocks.3.attentions.1.proj_in", "lora_unet_double_blocks_3_img_attn_qkv.alpha")
    head, unet, dit = out.splitlines()
    assert head.split() == ["KEY", "MODULE", "ROLE", "BLOCK", "FAMILY"]
    assert unet.split()[2:] == ["-", "OUT10", "sd1", "sd2"]
    assert dit.split()[1:] == ["transformer.double_blocks.3.img_attn.qkv", "alpha", "D03", "flux"]


def test_many_families_are_shortened_in_text_only(run: Any) -> None:
    key = "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.alpha"
    assert "sd1 sd2 sdxl" in run("where", key)[1]
    assert " more" in run("where", key)[1]
    _, out, _ = run("where", "--json", key)
    assert {"sd1", "sd2", "sdxl"} <= set(json.loads(out)[0]["blocks"]["TE1"])


def test_a_layer_outside_all_blocks(run: Any) -> None:
    _, out, _ = run("where", "--json", "unet.time_embedding.linear_1")
    assert set(json.loads(out)[0]["blocks"]) == {"OTHER"}


def test_a_bad_key_does_not_hide_the_good_ones(run: Any) -> None:
    words = ["where", "nonsense", "unet.mid_block.attentions.0.proj_in", "more.nonsense"]
    status, out, err = run(*words)
    assert status == 2
    assert [line.split()[0] for line in out.splitlines()] == ["KEY", "unet.mid_block.attentions.0.proj_in"]
    assert [line.split()[:2] for line in err.splitlines()] == [["lbw:", "'nonsense'"], ["lbw:", "'more.nonsense'"]]
    status, out, _ = run(*words, "--json")
    assert status == 2
    assert ["error" in entry for entry in json.loads(out)] == [True, False, True]
    assert run("where", "nonsense")[:2] == (2, "")
