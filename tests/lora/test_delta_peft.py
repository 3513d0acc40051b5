"""Deltas against PEFT, through the files PEFT itself writes: keys, configuration and DoRA's axis included."""

import warnings

import pytest
import torch
from torch import nn

from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import peft

TO_K = "up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_k"
CONV = "mid_block.resnets.0.conv1"


class Tree(nn.Module):
    """A model of two layers under the names of a U-Net."""

    def __init__(self) -> None:
        super().__init__()
        for path, layer in {TO_K: nn.Linear(768, 8), CONV: nn.Conv2d(6, 6, 3)}.items():
            *parents, last = path.split(".")
            node = self
            for part in parents:
                if not hasattr(node, part):
                    node.add_module(part, nn.Module())
                node = getattr(node, part)
            node.add_module(last, layer)


CONFIGS = {
    "lora": lambda t: peft.LoraConfig(r=4, lora_alpha=6, target_modules=t),
    "lora bias": lambda t: peft.LoraConfig(r=4, lora_alpha=6, target_modules=t, lora_bias=True),
    "rslora": lambda t: peft.LoraConfig(r=4, lora_alpha=6, target_modules=t, use_rslora=True),
    "patterns": lambda t: peft.LoraConfig(
        r=4, lora_alpha=6, target_modules=t, alpha_pattern={"to_k": 3}, rank_pattern={"conv1": 2}
    ),
    "dora": lambda t: peft.LoraConfig(r=4, lora_alpha=6, target_modules=t, use_dora=True),
    "loha": lambda t: peft.LoHaConfig(r=2, alpha=6, target_modules=t),
    "loha cores": lambda t: peft.LoHaConfig(r=2, alpha=6, target_modules=t, use_effective_conv2d=True),
    "lokr": lambda t: peft.LoKrConfig(r=2, alpha=6, target_modules=t),
    "lokr pairs": lambda t: peft.LoKrConfig(r=1, alpha=6, target_modules=t, decompose_both=True),
    "lokr cores": lambda t: peft.LoKrConfig(r=1, alpha=6, target_modules=t, use_effective_conv2d=True),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.filterwarnings("ignore")  # PEFT's own
def test_the_delta_of_a_peft_file_is_what_peft_merges(tmp_path, name):
    torch.manual_seed(0)
    model = Tree().double()
    before = {path: layer.detach().clone() for path, layer in model.named_parameters()}
    adapted = peft.get_peft_model(model, CONFIGS[name]([TO_K, CONV]))
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn_like(parameter) * 0.3 + (parameter.data if name == "dora" else 0)
    adapted.save_pretrained(tmp_path)
    merged = dict(adapted.merge_and_unload().named_parameters())
    file = LoraFile(tmp_path / "adapter_model.safetensors")
    assert [module.id.path for module in file.modules] == [CONV, TO_K]
    for module in file.modules:
        weight, bias = f"{module.id.path}.weight", f"{module.id.path}.bias"
        delta = module_delta(module, file.read(module), base=before[weight], dtype=torch.float64)
        expected = merged[weight] - before[weight]
        error = torch.linalg.vector_norm(delta.weight - expected) / torch.linalg.vector_norm(expected)
        assert error < 1e-6  # PEFT keeps some factors in float32
        expected = merged[bias] - before[bias]
        torch.testing.assert_close(torch.zeros(len(expected)).double() if delta.bias is None else delta.bias, expected)
