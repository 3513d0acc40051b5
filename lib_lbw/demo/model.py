"""The demo model as diffusers pipelines: built, saved, loaded. Nothing here touches the network.

The U-Net has the blocks of SD1.5 (12 in, middle, 12 out, the same attention), only narrow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from lib_lbw.demo import demo_path
from lib_lbw.demo.patches import PatchAutoencoder
from lib_lbw.demo.tokens import MAX_TOKENS, write_tokenizer

LATENT_SIDE = 16
TEXT_WIDTH = 64
# What CLIPTextModel's names begin with in published files; newer transformers drop it in memory.
_TEXT_PREFIX = "text_model."


def default_config(tokens: int) -> dict[str, dict[str, Any]]:
    """Configurations of the U-Net, the text encoder and the scheduler, ready for JSON."""
    unet = {
        "sample_size": LATENT_SIDE,
        "in_channels": 48,
        "out_channels": 48,
        "block_out_channels": [64, 64, 64, 64],
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
        "layers_per_block": 2,
        "norm_num_groups": 16,
        "attention_head_dim": 4,
        "cross_attention_dim": TEXT_WIDTH,
    }
    scheduler = {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "steps_offset": 1,
        # Flat areas survive SD's last noise level; with no signal there the model can choose them.
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
        # The model names the clean picture: pictures fill few of 48 dimensions, noise all.
        "prediction_type": "sample",
    }
    return {"unet": unet, "text_encoder": text_config(tokens), "scheduler": scheduler}


def text_config(tokens: int, width: int = TEXT_WIDTH, projection: int = TEXT_WIDTH) -> dict[str, Any]:
    """The configuration of a small CLIP text encoder."""
    return {
        "vocab_size": tokens,
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": MAX_TOKENS,
        "projection_dim": projection,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }


def assemble(config: dict[str, dict[str, Any]], tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    """A pipeline with fresh weights, drawn from torch's global generator."""
    pipeline = StableDiffusionPipeline(
        vae=PatchAutoencoder(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**config["text_encoder"])),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(**config["unet"]),
        scheduler=DDIMScheduler(**config["scheduler"]),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer stored in `folder`."""
    return CLIPTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True)


def new_pipeline(folder: Path, seed: int) -> StableDiffusionPipeline:
    """An untrained model whose tokenizer and configuration are written to `folder`."""
    config = default_config(write_tokenizer(folder / "tokenizer"))
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    torch.manual_seed(seed)
    pipeline = assemble(config, load_tokenizer(folder))
    spread_tokens(pipeline.text_encoder)
    return pipeline


def spread_tokens(encoder: CLIPTextModel) -> None:
    """Set the words apart from the start, by fresh embeddings from torch's global generator.

    CLIP's own start is so small that the layers drown it: the places were learnt, then spoke over
    every colour. A narrow encoder never recovers from that.
    """
    embeddings = {name.split(".")[-2]: p for name, p in encoder.named_parameters() if "embedding" in name}
    torch.nn.init.normal_(embeddings["token_embedding"], std=0.5)
    torch.nn.init.normal_(embeddings["position_embedding"], std=0.1)


def save_weights(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write the U-Net and the text encoder in half precision to `folder`."""
    text = pipeline.text_encoder.state_dict()
    text = {_TEXT_PREFIX + name.removeprefix(_TEXT_PREFIX): value for name, value in text.items()}
    for name, state in (("unet", pipeline.unet.state_dict()), ("text_encoder", text)):
        half = {key: value.half().contiguous() for key, value in state.items()}
        partial = folder / f"{name}.safetensors.part"
        save_file(half, partial, metadata={"format": "pt"})
        partial.replace(folder / f"{name}.safetensors")


def renew_text_encoder(pipeline: StableDiffusionPipeline, seed: int) -> None:
    """Give the pipeline an untrained text encoder."""
    torch.manual_seed(seed)
    pipeline.text_encoder = CLIPTextModel(pipeline.text_encoder.config)
    spread_tokens(pipeline.text_encoder)


def load_demo_pipeline(
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    folder: Path | None = None,
) -> StableDiffusionPipeline:
    """The trained demo model: prompts in `vocabulary` words, pictures of 64 x 64 pixels.

    `folder` holds another set of weights of the same form; by default those of this package.
    """
    folder = folder or demo_path()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with torch.random.fork_rng(devices=[]):  # building draws weights that are replaced at once
        pipeline = assemble(config, load_tokenizer(folder))
    pipeline.unet.load_state_dict(load_file(folder / "unet.safetensors"))
    _load_text(pipeline.text_encoder, load_file(folder / "text_encoder.safetensors"))
    pipeline.unet.eval().requires_grad_(False)
    pipeline.text_encoder.eval().requires_grad_(False)
    return place(pipeline, device, dtype)


def place(pipeline: DiffusionPipeline, device: str | torch.device, dtype: torch.dtype) -> Any:
    """Move every model of a pipeline; diffusers' own `to` warns about layers that these lack."""
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            torch.nn.Module.to(part, device, dtype)
    return pipeline


def _load_text(encoder: CLIPTextModel, state: dict[str, torch.Tensor]) -> None:
    prefixed = any(name.startswith(_TEXT_PREFIX) for name, _ in encoder.named_parameters())
    if not prefixed:
        state = {name.removeprefix(_TEXT_PREFIX): value for name, value in state.items()}
    encoder.load_state_dict(state)


def tiny_sdxl_pipeline(seed: int = 0, **place: Any) -> Any:
    """See `lib_lbw.demo.tiny_sdxl`; its door stands here beside the other pipeline's."""
    from lib_lbw.demo import tiny_sdxl  # it imports this module

    return tiny_sdxl.tiny_sdxl_pipeline(seed, **place)
