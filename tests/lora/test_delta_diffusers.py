"""Deltas against what diffusers fuses into a U-Net, file in, weights out: keys, alphas and products together."""

import warnings

import pytest
import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import UNet2DConditionModel
    from diffusers.loaders import StableDiffusionLoraLoaderMixin


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=768,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


@pytest.mark.parametrize("alpha", [1.0, 4.0, 6.5])
@pytest.mark.filterwarnings("ignore")  # diffusers' own
def test_a_kohya_file_gives_what_diffusers_fuses(unet, lora_files, alpha):
    shapes = {
        spell(ModuleId("unet", name), "kohya"): tuple(layer.weight.shape)
        for name, layer in unet.named_modules()
        if name.startswith(("down_blocks", "mid_block", "up_blocks"))
        and isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d))
    }
    path = lora_files.write("x", shapes, alpha=alpha)
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(str(path), unet_config=unet.config)
    StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, alphas, unet, adapter_name="x")
    unet.fuse_lora()
    unet.unload_lora()
    after = unet.state_dict()
    file = LoraFile(path)
    assert len(file.modules) == len(shapes)
    for module in file.modules:
        name = f"{module.id.path}.weight"
        delta = module_delta(module, file.read(module), base=before[name]).weight
        torch.testing.assert_close(delta, after[name] - before[name], rtol=1e-4, atol=1e-5)
    unet.load_state_dict(before)
