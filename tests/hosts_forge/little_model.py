"""A small model under the names of SD1, and payloads with the arithmetic that all hosts share."""

from __future__ import annotations

from typing import Any

import torch

UNET = {
    "input_blocks.0.0": (4, 4),
    "input_blocks.1.1.proj_in": (6, 4),
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k": (6, 6),
    "middle_block.1.proj_in": (6, 6),
    "output_blocks.3.1.proj_in": (4, 6),
    "time_embed.0": (4, 4),
}
ENCODER = {f"clip_l.transformer.text_model.encoder.layers.{n}.mlp.fc1": (5, 5) for n in range(2)}
NORM = "input_blocks.1.1.norm"


def tree(layers: dict[str, torch.nn.Module]) -> torch.nn.Module:
    """A module in which every layer has its dotted name."""
    root = torch.nn.Module()
    for path, layer in layers.items():
        *parents, name = path.split(".")
        here = root
        for part in parents:
            if part not in here._modules:
                here.add_module(part, torch.nn.Module())
            here = here._modules[part]
        here.add_module(name, layer)
    return root


def linears(shapes: dict[str, tuple[int, int]], dtype: torch.dtype) -> dict[str, torch.nn.Module]:
    made: dict[str, torch.nn.Module] = {}
    for path, (out_features, in_features) in shapes.items():
        layer = torch.nn.Linear(in_features, out_features, dtype=dtype)
        layer.weight.data[0, 0] = -0.0  # a sign that adding zeros would lose
        layer.requires_grad_(False)
        made[path] = layer
    return made


class Unet(torch.nn.Module):
    """`diffusion_model` with a forward through all of its layers."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        norm = torch.nn.LayerNorm(4, dtype=dtype).requires_grad_(False)
        self.diffusion_model = tree({**linears(UNET, dtype), NORM: norm})
        self.storage_dtype = dtype
        self.model_lowvram = False
        self.model_loaded_weight_memory = 0
        self.current_weight_patches_uuid = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layers = dict(self.diffusion_model.named_modules())
        x = layers["time_embed.0"](layers["input_blocks.0.0"](x))
        for path in (NORM, *list(UNET)[1:-1]):
            x = layers[path](x)
        return x


class TextEncoder(torch.nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        inner = tree(linears(ENCODER, dtype))
        self.clip_l = inner.clip_l
        self.model_lowvram = False
        self.model_loaded_weight_memory = 0
        self.current_weight_patches_uuid = None


def find(model: torch.nn.Module, key: str) -> tuple[torch.nn.Module, str]:
    path, _, name = key.rpartition(".")
    return model.get_submodule(path), name


def put(model: torch.nn.Module, key: str, weight: torch.Tensor) -> None:
    layer, name = find(model, key)
    setattr(layer, name, torch.nn.Parameter(weight, requires_grad=False))


class Adapted:
    """A payload that is an object with `weights`, as in reForge and Neo."""

    def __init__(self, weights: tuple[Any, ...]) -> None:
        self.weights = weights


def delta(payload: Any) -> torch.Tensor | None:
    """The change that a payload stands for at strength 1; None for one that replaces the weight."""
    kind, values = ("lora", payload.weights) if isinstance(payload, Adapted) else payload
    if kind == "lora":
        up, down, alpha = values
        return (up.double() @ down.double()) * (alpha / down.shape[0])
    if kind == "loha":
        a, b, c, d = (value.double() for value in values)
        return (a @ b) * (c @ d)
    if kind == "diff":
        return values[0].double()
    assert kind == "set"
    return None


def merge(patcher: Any, entries: Any, weight: torch.Tensor, key: str) -> torch.Tensor:
    """The arithmetic that all hosts share: in float32, one entry after the other, `set` whatever its strength."""
    for strength, payload, strength_model, offset, _ in ((*entry, None, None)[:5] for entry in entries):
        target = weight if offset is None else weight.narrow(*offset)
        target *= strength_model
        change = delta(payload)
        if change is None:
            target.copy_(payload[1][0])
        else:
            target += (strength * change).to(weight.dtype).reshape(target.shape)
    return weight
