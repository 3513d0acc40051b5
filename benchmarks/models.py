"""The two models that are measured, each with a LoRA: the embedded one, and SD 1.5 at full size with random weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from lib_lbw.blocks.family import family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from lib_lbw.demo import demo_lora_path
from lib_lbw.demo.model import load_demo_pipeline
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.checkpoint import CONFIGS

RANK = 16
PROMPT = "a girl, long red hair, blue dress, beach"
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")


@dataclass(frozen=True)
class Subject:
    """What is measured: a pipeline, a LoRA for it, the settings of a cell and the number of cells."""

    title: str
    pipeline: Any
    lora: Path
    picture: Picture
    cells: int

    def prompts(self) -> Iterator[str]:
        """Yield the prompt of every cell: the LoRA whole, but for one block."""
        kind = family("sd1")
        blocks = [block for block in kind.layouts[17] if block != "BASE"]
        for number in range(self.cells):
            yield f"{self.picture.prompt} <lora:{self.lora.stem}:1:lbw=ALL,{blocks[number % len(blocks)]}@0>"


def embedded(cells: int = 16, steps: int = 8) -> Subject:
    """Return the demo model with its style LoRA."""
    pipeline = load_demo_pipeline()
    pipeline.set_progress_bar_config(disable=True)
    picture = Picture(PROMPT, seed=1, steps=steps, width=64, height=64, cfg_scale=3.0)
    return Subject("embedded model, 64 px", pipeline, demo_lora_path("inkstyle"), picture, cells)


def full_size(folder: Path, cells: int = 8, steps: int = 2, size: int = 64) -> Subject:
    """Return SD 1.5 at full size, random weights, with a random LoRA of rank 16 on every attention layer.

    The words are the embedded model's: no vocabulary is needed.
    """
    torch.manual_seed(0)
    configs = CONFIGS / "sd1"
    words = CLIPTextConfig.from_pretrained(configs / "text_encoder")
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_config(AutoencoderKL.load_config(configs / "vae")).eval(),
        text_encoder=CLIPTextModel(words).eval(),
        tokenizer=load_demo_pipeline().tokenizer,
        unet=UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(configs / "unet")).eval(),
        scheduler=EulerDiscreteScheduler.from_pretrained(configs / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    picture = Picture(PROMPT, seed=1, steps=steps, width=size, height=size, cfg_scale=7.0)
    title = f"SD 1.5 at full size, random weights, {size} px"
    return Subject(title, pipeline, _random_lora(pipeline, folder), picture, cells)


def _random_lora(pipeline: Any, folder: Path) -> Path:
    """Write a random LoRA for the attention layers of the U-Net."""
    tensors: dict[str, torch.Tensor] = {}
    for path, layer in pipeline.unet.named_modules():
        if ".attentions." in path and path.endswith(ATTENTION):
            stem = spell(ModuleId("unet", path), "kohya")
            out, inner, *kernel = layer.weight.shape
            tensors[f"{stem}.lora_up.weight"] = torch.randn(out, RANK, *kernel) * 0.01
            tensors[f"{stem}.lora_down.weight"] = torch.randn(RANK, inner, *kernel) * 0.01
            tensors[f"{stem}.alpha"] = torch.tensor(float(RANK))
    target = folder / "random.safetensors"
    save_file({name: tensor.half() for name, tensor in tensors.items()}, target)
    return target
