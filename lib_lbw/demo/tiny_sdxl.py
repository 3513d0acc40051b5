"""An SDXL pipeline of the smallest useful size, its random weights made from a seed: for tests.

Three stages and two text encoders, attention where SDXL has it; its pictures are noise.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from lib_lbw.demo.lora_files import lora_bytes
from lib_lbw.demo.lora_modules import LoraBranch, text_targets, unet_targets
from lib_lbw.demo.model import LATENT_SIDE, default_config, load_tokenizer, place, text_config
from lib_lbw.demo.patches import PatchAutoencoder
from lib_lbw.demo.tokens import write_tokenizer

TINY_SDXL_LORA = "tiny_sdxl_noise"
_WIDTH, _TIME_WIDTH = 32, 8


@cache
def _tokenizer() -> tuple[CLIPTokenizer, int]:
    with tempfile.TemporaryDirectory() as folder:
        count = write_tokenizer(Path(folder) / "tokenizer")
        return load_tokenizer(Path(folder)), count


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=48,
        out_channels=48,
        block_out_channels=(16, 32, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=2,
        norm_num_groups=8,
        # SDXL has 1, 2 and 10; the shape of the tree matters here, not its depth.
        transformer_layers_per_block=(1, 2, 3),
        attention_head_dim=(2, 4, 4),
        cross_attention_dim=2 * _WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_WIDTH,
        projection_class_embeddings_input_dim=6 * _TIME_WIDTH + _WIDTH,
    )


def tiny_sdxl_pipeline(
    seed: int = 0, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> StableDiffusionXLPipeline:
    """The pipeline; its weights depend on the seed alone, and torch's generator is left as is."""
    tokenizer, count = _tokenizer()
    config = CLIPTextConfig(**text_config(count, _WIDTH, _WIDTH))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = StableDiffusionXLPipeline(
            vae=PatchAutoencoder(),
            text_encoder=CLIPTextModel(config),
            text_encoder_2=CLIPTextModelWithProjection(config),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer,
            unet=_unet(),
            scheduler=DDIMScheduler(**default_config(count)["scheduler"]),
            add_watermarker=False,
        )
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.unet, pipeline.text_encoder, pipeline.text_encoder_2):
        part.eval().requires_grad_(False)
    return place(pipeline, device, dtype)


def tiny_sdxl_lora_tensors(seed: int = 0, rank: int = 2) -> dict[str, torch.Tensor]:
    """Random factors for the U-Net's transformers and both text encoders, kohya's names."""
    pipeline = tiny_sdxl_pipeline(seed)
    targets = unet_targets(pipeline.unet, convolutions=False)
    for prefix, encoder in (
        ("lora_te1_", pipeline.text_encoder),
        ("lora_te2_", pipeline.text_encoder_2),
    ):
        for name, layer in text_targets(encoder).items():
            if "text_projection" not in name:
                targets[prefix + name.removeprefix("lora_te_")] = layer
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for name, layer in targets.items():
        branch = LoraBranch(layer, rank, float(rank), generator)
        up = torch.randn(branch.lora_up__weight.shape, generator=generator) * 0.05
        parts = {**branch.tensors(), "lora_up.weight": up}
        tensors |= {f"{name}.{suffix}": value for suffix, value in parts.items()}
    return tensors


def tiny_sdxl_lora_bytes(seed: int = 0, rank: int = 2) -> bytes:
    """The same as the bytes of a LoRA file."""
    tensors = tiny_sdxl_lora_tensors(seed, rank)
    return lora_bytes(tensors, TINY_SDXL_LORA, "networks.lora", rank, rank, {"noise": 1}, base="sdxl_base_v1-0")
