"""Small random models with the topologies of SD 1.5, SD 2 and SDXL, and their single files with the published names."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.spell import spell
from tests.hosts.conftest import SECOND_WIDTH, TEXT_WIDTH, autoencoder, text_encoder, unet
from tests.hosts.test_checkpoint import ldm_clip, ldm_unet, ldm_vae, open_clip

FAMILIES = ("sd1", "sd2", "sdxl")
_CROSS, _PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
_FOUR_LEVELS = {
    "cross_attention_dim": TEXT_WIDTH,
    "block_out_channels": (16, 16, 16, 16),
    "down_block_types": (_CROSS, _CROSS, _CROSS, _PLAIN),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
}
_THREE_LEVELS = {
    "cross_attention_dim": TEXT_WIDTH + SECOND_WIDTH,
    "block_out_channels": (16, 16, 32),
    "down_block_types": (_PLAIN, _CROSS, _CROSS),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 1, 2),
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": SECOND_WIDTH + 6 * 8,
}
# The upsampler is child 2 of its block, child 1 where the block has no attention; `ldm_unet` gives both.
_FOUR = ("output_blocks.2.2.conv.", "output_blocks.5.1.conv.", "output_blocks.8.1.conv.")
_NEVER = {"sd1": _FOUR, "sd2": _FOUR, "sdxl": ("output_blocks.2.1.conv.", "output_blocks.5.1.conv.")}


@dataclass
class Tiny:
    """The parts of a model, by the component of their module ids, and the VAE."""

    family: str
    parts: dict[str, torch.nn.Module]
    vae: torch.nn.Module

    def shape(self) -> SimpleNamespace:
        """As the pipeline that `config_of` reads configs from."""
        return SimpleNamespace(
            unet=self.parts["unet"],
            vae=self.vae,
            text_encoder=self.parts["te1"],
            text_encoder_2=self.parts.get("te2"),
        )

    def layer(self, module: ModuleId) -> torch.nn.Module:
        names = dict(self.parts[module.component].named_modules())
        return names.get(module.path) or names[module.path.removeprefix("text_model.")]

    def layers(self) -> dict[ModuleId, Any]:
        """Every layer with a weight, by the id that LoRA files have for it."""
        found: dict[ModuleId, Any] = {}
        for component, root in self.parts.items():
            for name, layer in root.named_modules():
                if not isinstance(getattr(layer, "weight", None), torch.nn.Parameter):
                    continue
                bare = component == "unet" or name == "text_projection" or name.startswith("text_model.")
                found[ModuleId(component, name if bare else f"text_model.{name}")] = layer
        return found


def tiny(family: str, seed: int = 0) -> Tiny:
    settings = {
        "sd1": _FOUR_LEVELS,
        "sd2": {**_FOUR_LEVELS, "use_linear_projection": True},
        "sdxl": {**_THREE_LEVELS, "use_linear_projection": True},
    }[family]
    parts: dict[str, torch.nn.Module] = {"unet": unet(seed, **settings)}
    if family == "sdxl":
        parts["te1"] = text_encoder(seed + 5, CLIPTextModel, projection_dim=TEXT_WIDTH)
        parts["te2"] = text_encoder(seed + 6, CLIPTextModelWithProjection, SECOND_WIDTH, projection_dim=SECOND_WIDTH)
    else:
        parts["te1"] = text_encoder(seed + 1, projection_dim=TEXT_WIDTH)
    return Tiny(family, parts, autoencoder())


def single_file(model: Tiny) -> dict[str, torch.Tensor]:
    """The tensors of the single file, in the published layout."""
    names = ldm_unet(model.parts["unet"])
    tensors = {name: tensor for name, tensor in names.items() if not any(n in name for n in _NEVER[model.family])}
    tensors |= ldm_vae(model.vae)
    if model.family == "sd1":
        tensors |= ldm_clip(model.parts["te1"], "cond_stage_model.transformer.")
    elif model.family == "sd2":
        tensors |= open_clip(model.parts["te1"], "cond_stage_model.model.")
    else:
        tensors |= ldm_clip(model.parts["te1"], "conditioner.embedders.0.transformer.")
        tensors |= open_clip(model.parts["te2"], "conditioner.embedders.1.model.")
        tensors["conditioner.embedders.1.model.logit_scale"] = torch.tensor(4.6)
    return tensors


def diffusers_file(model: Tiny) -> dict[str, torch.Tensor]:
    """The same under the names that diffusers has."""
    prefixes = {"unet": "unet.", "te1": "text_encoder.", "te2": "text_encoder_2."}
    tensors = {f"vae.{name}": tensor for name, tensor in model.vae.state_dict().items()}
    for component, root in model.parts.items():
        for name, tensor in root.state_dict().items():
            whole = component == "unet" or name.startswith(("text_model.", "text_projection"))
            tensors[prefixes[component] + (name if whole else f"text_model.{name}")] = tensor
    return tensors


def save(path: Path, tensors: dict[str, torch.Tensor], dtype: torch.dtype | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {n: (t.to(dtype) if dtype and t.is_floating_point() else t).clone().contiguous() for n, t in tensors.items()}
    save_file(held, path)
    return path


def tuned(model: Tiny, seed: int = 1, size: float = 0.02, only: tuple[str, ...] = ("unet", "te1", "te2")) -> Tiny:
    """The same model with every layer of the parts `only` changed at random, embeddings apart."""
    other = tiny(model.family)
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for component, root in other.parts.items():
            root.load_state_dict(model.parts[component].state_dict())
            for name, parameter in root.named_parameters():
                if component in only and "embeddings" not in name:
                    parameter += size * torch.randn(parameter.shape, generator=source)
        other.vae.load_state_dict(model.vae.state_dict())
    return other


VERSIONS = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0"}


def write_lora(path: Path, family: str, tensors: dict[ModuleId, dict[str, torch.Tensor]]) -> Path:
    flat = {
        f"{spell(module, 'kohya')}.{role}": tensor.clone().contiguous()
        for module, roles in tensors.items()
        for role, tensor in roles.items()
    }
    save_file(flat, path, metadata={"ss_base_model_version": VERSIONS[family]})
    return path
