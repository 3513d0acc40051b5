"""A model with a few layers of every kind, named as in Stable Diffusion 1 and XL, and LoRA files for them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from torch import nn


@dataclass(frozen=True)
class Layer:
    """A layer: its name in LoRA files, its path in the host's model, and the block it lies in."""

    file: str
    path: str
    make: Callable[[], nn.Module]
    block: str


def _conv() -> nn.Module:
    return nn.Conv2d(4, 6, 3, padding=1)


def _point() -> nn.Module:
    return nn.Conv2d(4, 4, 1)


def _linear() -> nn.Module:
    return nn.Linear(6, 8)


def _bare() -> nn.Module:
    return nn.Linear(8, 6, bias=False)


def _norm() -> nn.Module:
    return nn.LayerNorm(6)


_B = "transformer_blocks"
_SD1 = (
    Layer("lora_unet_conv_in", "input_blocks.0.0", _conv, "IN00"),
    Layer("lora_unet_down_blocks_0_resnets_0_conv1", "input_blocks.1.0.in_layers.2", _conv, "IN01"),
    Layer("lora_unet_down_blocks_0_resnets_0_time_emb_proj", "input_blocks.1.0.emb_layers.1", _linear, "IN01"),
    Layer("lora_unet_down_blocks_0_attentions_0_proj_in", "input_blocks.1.1.proj_in", _point, "IN01"),
    Layer(f"lora_unet_down_blocks_0_attentions_0_{_B}_0_norm1", f"input_blocks.1.1.{_B}.0.norm1", _norm, "IN01"),
    Layer(
        f"lora_unet_down_blocks_0_attentions_0_{_B}_0_attn1_to_q", f"input_blocks.1.1.{_B}.0.attn1.to_q", _bare, "IN01"
    ),
    Layer(
        f"lora_unet_down_blocks_1_attentions_1_{_B}_0_attn2_to_k", f"input_blocks.5.1.{_B}.0.attn2.to_k", _bare, "IN05"
    ),
    Layer(f"lora_unet_mid_block_attentions_0_{_B}_0_ff_net_2", f"middle_block.1.{_B}.0.ff.net.2", _linear, "MID"),
    Layer("lora_unet_up_blocks_1_upsamplers_0_conv", "output_blocks.5.2.conv", _conv, "OUT05"),
    Layer(
        f"lora_unet_up_blocks_2_attentions_0_{_B}_0_attn1_to_out_0",
        f"output_blocks.6.1.{_B}.0.attn1.to_out.0",
        _linear,
        "OUT06",
    ),
    Layer("lora_unet_conv_out", "out.2", _conv, "OTHER"),
    Layer(
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "te0:transformer.text_model.encoder.layers.0.self_attn.q_proj",
        _linear,
        "BASE",
    ),
    Layer(
        "lora_te_text_model_encoder_layers_3_mlp_fc1",
        "te0:transformer.text_model.encoder.layers.3.mlp.fc1",
        _linear,
        "BASE",
    ),
)
_XL = (
    Layer(f"lora_unet_input_blocks_4_1_{_B}_1_attn1_to_q", f"input_blocks.4.1.{_B}.1.attn1.to_q", _bare, "IN04"),
    Layer("lora_unet_input_blocks_7_0_in_layers_2", "input_blocks.7.0.in_layers.2", _conv, "IN07"),
    Layer(f"lora_unet_middle_block_1_{_B}_9_ff_net_2", f"middle_block.1.{_B}.9.ff.net.2", _linear, "MID"),
    Layer("lora_unet_output_blocks_0_1_proj_in", "output_blocks.0.1.proj_in", _linear, "OUT00"),
    Layer(
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
        "te0:transformer.text_model.encoder.layers.0.self_attn.q_proj",
        _linear,
        "TE1",
    ),
    Layer("lora_te2_text_model_encoder_layers_0_mlp_fc1", "te1:model.transformer.resblocks.0.mlp.c_fc", _linear, "TE2"),
)
_ATTENTION = "lora_te2_text_model_encoder_layers_0_self_attn"
ATTENTION_LAYER = "1_model_transformer_resblocks_0_attn"
"""The attention in one piece of SDXL's second text encoder."""

LAYERS = {"sd1": _SD1, "sdxl": _XL}
PROJECTIONS = tuple(f"{_ATTENTION}_{part}_proj" for part in ("q", "k", "v", "out"))


class Model(nn.Module):
    """What the host calls `shared.sd_model`: U-Net under `model`, encoders where the host looks for them."""

    def __init__(self, family: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.is_sdxl = family == "sdxl"
        self.family = family
        self.model = nn.Module()
        self.model.diffusion_model = nn.Module()
        encoders = [nn.Module() for _ in range(2 if self.is_sdxl else 1)]
        for layer in LAYERS[family]:
            head, _, path = layer.path.rpartition(":")
            root = encoders[int(head[-1])] if head else self.model.diffusion_model
            _put(root, path, layer.make())
        if self.is_sdxl:
            _put(encoders[1], "model.transformer.resblocks.0.attn", nn.MultiheadAttention(8, 2))
            self.conditioner = SimpleNamespace(embedders=[SimpleNamespace(wrapped=encoder) for encoder in encoders])
        else:
            self.cond_stage_model = SimpleNamespace(wrapped=encoders[0])
        for part in (self, *encoders):
            part.requires_grad_(False)
            for parameter in part.parameters():
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        self.sd_keys = {layer.file: self._sd_key(layer.path) for layer in LAYERS[family]}
        self.sd_keys.update({name: f"{ATTENTION_LAYER}_{name.rsplit('_', 2)[1]}_proj" for name in PROJECTIONS})

    def _sd_key(self, path: str) -> str:
        head, _, path = path.rpartition(":")
        if not head:
            return f"diffusion_model_{path}".replace(".", "_")
        return (f"{head[-1]}_{path}" if self.is_sdxl else path).replace(".", "_")

    def layers(self) -> dict[str, nn.Module]:
        """Return every layer by the host's name of it."""
        return {name: layer for name, layer in self.network_layer_mapping.items() if _is_layer(layer)}


def _is_layer(module: nn.Module) -> bool:
    return isinstance(module, nn.MultiheadAttention) or (
        isinstance(module, nn.Linear | nn.Conv2d | nn.LayerNorm) and "attn_out_proj" not in module.network_layer_name
    )


def _put(root: nn.Module, path: str, layer: nn.Module) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        if not hasattr(root, parent):
            root.add_module(parent, nn.Module())
        root = getattr(root, parent)
    root.add_module(name, layer)


def use(layer: nn.Module) -> torch.Tensor:
    """Return what a layer makes of an input of its own."""
    generator = torch.Generator().manual_seed(5)
    if isinstance(layer, nn.MultiheadAttention):
        x = torch.randn(3, 2, layer.embed_dim, generator=generator)
        return layer(x, x, x, need_weights=False)[0]
    if isinstance(layer, nn.Conv2d):
        return layer(torch.randn(2, layer.in_channels, 5, 5, generator=generator))
    size = layer.in_features if isinstance(layer, nn.Linear) else layer.normalized_shape[0]
    return layer(torch.randn(2, 3, size, generator=generator))


def lora_tensors(shape: Iterable[int], kind: str, seed: int) -> dict[str, torch.Tensor]:
    """Return the tensors of one module for a weight of `shape` ([out, in] or [out, in, k, k])."""
    out, inner, *kernel = shape
    generator = torch.Generator().manual_seed(seed)

    def rand(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator) * 0.5

    low_rank = {
        "lora_up.weight": rand(out, 2, *[1] * len(kernel)),
        "lora_down.weight": rand(2, inner, *kernel),
        "alpha": torch.tensor(1.5),
    }
    if kind == "lora":
        return low_rank
    if kind == "dora":
        return {**low_rank, "dora_scale": rand(1, inner, *[1] * len(kernel)).abs() + 0.5}
    if kind == "loha":
        parts = {f"hada_w{n}_a": rand(out, 2) for n in (1, 2)}
        width = inner * (kernel[0] * kernel[1] if kernel else 1)
        return {**parts, **{f"hada_w{n}_b": rand(2, width) for n in (1, 2)}, "alpha": torch.tensor(2.0)}
    if kind == "lokr":
        return {"lokr_w1": rand(2, 2), "lokr_w2": rand(out // 2, inner // 2, *kernel), "alpha": torch.tensor(1.0)}
    if kind == "full":
        return {"diff": rand(out, inner, *kernel), "diff_b": rand(out)}
    if kind == "ia3":
        return {"weight": rand(out), "on_input": torch.tensor(False)}
    if kind == "glora":
        parts = {"a1": (2, inner), "a2": (inner, 2), "b1": (2, inner), "b2": (out, 2)}
        return {**{f"{part}.weight": rand(*size) for part, size in parts.items()}, "alpha": torch.tensor(2.0)}
    raise AssertionError(kind)


def write_lora(folder: Path, name: str, family: str, kinds: dict[str, str] | str = "lora", seed: int = 1) -> Path:
    """Write a file for all layers of a family; `kinds` gives one kind for all, or (file name of layer -> kind)."""
    model = Model(family)
    tensors: dict[str, torch.Tensor] = {}
    for number, layer in enumerate(LAYERS[family]):
        weight = layer.make().weight
        kind = kinds if isinstance(kinds, str) else kinds.get(layer.file, "")
        if not kind:
            continue
        if weight.dim() == 1:
            made = {"w_norm": torch.full_like(weight, 0.25), "b_norm": torch.full_like(weight, -0.5)}
        else:
            made = lora_tensors(weight.shape, kind, seed * 100 + number)
        tensors.update({f"{layer.file}.{part}": tensor for part, tensor in made.items()})
    if model.is_sdxl and isinstance(kinds, str):
        for number, projection in enumerate(PROJECTIONS):
            made = lora_tensors((8, 8), "lora", seed * 100 + 50 + number)
            tensors.update({f"{projection}.{part}": tensor for part, tensor in made.items()})
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, path)
    return path
