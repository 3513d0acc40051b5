"""Alphas that lie outside the tensors: in diffusers' metadata, or in PEFT's configuration beside the file."""

import contextlib
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import LoraFileError, UnsupportedLoraError
from lib_lbw.lora.adapter import METADATA_KEY, AdapterConfig
from lib_lbw.lora.file import LoraFile

TO_K = "up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_k"
UNET = ModuleId("unet", TO_K)


def state(prefix):
    return {f"{prefix}{TO_K}.lora_A.weight": torch.ones(4, 768), f"{prefix}{TO_K}.lora_B.weight": torch.ones(8, 4)}


@pytest.mark.parametrize(
    ("entries", "alpha"),
    [
        ({}, None),
        ({"unet.lora_alpha": 8}, 8),
        ({"lora_alpha": 8}, 8),
        ({"lora_alpha": 8, "use_rslora": True}, 16),
        ({"text_encoder.lora_alpha": 8}, None),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {TO_K: 2.5}}, 2.5),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn2.to_k": 2}}, 2),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {r"^attn2\.to_k$": 2}}, 2),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"2.to_k": 2, "attn2.to_q": 3}}, 8),
        ({"unet.lora_alpha": "many"}, None),
    ],
)
def test_the_alpha_of_a_module(entries, alpha):
    assert AdapterConfig(entries).alpha(UNET, 4) == alpha


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.just(10**400) | st.text(max_size=3)
NAMES = ["lora_alpha", "alpha", "r", "use_rslora", "unet.lora_alpha", "alpha_pattern", "rank_pattern"]


@given(st.dictionaries(st.sampled_from(NAMES), ODD | st.dictionaries(st.just("attn2.to_k") | st.text(), ODD)))
def test_odd_configurations_give_a_number_or_a_refusal(entries):
    config = AdapterConfig(json.loads(json.dumps(entries)))
    with contextlib.suppress(UnsupportedLoraError):
        for found in (config.alpha(UNET, 4), config.full_scaling(UNET)):
            assert found is None or math.isfinite(found)


def test_each_encoder_has_its_own_part():
    config = AdapterConfig({"text_encoder.lora_alpha": 1, "text_encoder_2.lora_alpha": 2, "transformer.lora_alpha": 3})
    found = {
        component: config.alpha(ModuleId(component, "x"), 1) for component in ("te1", "te2", "transformer", "unet")
    }
    assert found == {"te1": 1, "te2": 2, "transformer": 3, "unet": None}


def test_a_regular_expression_out_of_a_file_is_not_run():
    config = AdapterConfig({"lora_alpha": 8, "alpha_pattern": {"(a+)+b": 2}})
    with pytest.raises(UnsupportedLoraError, match=r"the pattern '\(a\+\)\+b'"):
        config.alpha(ModuleId("unet", "a" * 60), 4)


def test_diffusers_metadata_gives_the_strength(lora_files):
    metadata = {METADATA_KEY: json.dumps({"unet.lora_alpha": 2, "unet.r": 4})}
    (module,) = LoraFile(lora_files.save("x", state("unet."), metadata)).modules
    assert (module.alpha, module.strength) == (2, 0.5)


def test_a_peft_folder_gives_the_strength(lora_files):
    path = lora_files.save("adapter_model", state("base_model.model.unet."))
    assert LoraFile(path).modules[0].strength == 1
    path.with_name("adapter_config.json").write_text(json.dumps({"lora_alpha": 2, "r": 4}), "utf-8")
    assert LoraFile(path).modules[0].strength == 0.5


def test_an_alpha_in_the_file_comes_first(lora_files):
    metadata = {METADATA_KEY: json.dumps({"unet.lora_alpha": 2})}
    (module,) = LoraFile(
        lora_files.save("x", state("unet.") | {f"unet.{TO_K}.alpha": torch.tensor(4.0)}, metadata)
    ).modules
    assert module.strength == 1


@pytest.mark.parametrize("text", ["{", "[]", "[" * 20_000])
def test_a_broken_configuration_is_refused(lora_files, text):
    with pytest.raises(LoraFileError, match="adapter configuration is not"):
        LoraFile(lora_files.save("x", state("unet."), {METADATA_KEY: text}))
