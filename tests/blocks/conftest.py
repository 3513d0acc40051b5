"""The real models of diffusers on the meta device: their module names are the oracle of every name here."""

import importlib
from dataclasses import dataclass
from typing import Any

import pytest
import torch

CLIP_LAYERS = 12
_FOUR = {
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
UNETS = {
    "sd1": {**_FOUR, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd2": {
        **_FOUR,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    "sdxl": {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}


@dataclass(frozen=True)
class Model:
    """A model and its layers: name -> shape of the weight."""

    module: Any
    layers: dict[str, tuple[int, ...]]


def _layers(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(layer.weight.shape)
        for name, layer in module.named_modules()
        if isinstance(getattr(layer, "weight", None), torch.nn.Parameter)
    }


def _unets(**changes: object) -> dict[str, Model]:
    unet = importlib.import_module("diffusers").UNet2DConditionModel
    models = {}
    for name, config in UNETS.items():
        tiny = {key: value(config) if callable(value) else value for key, value in changes.items()}
        with torch.device("meta"):
            model = unet(sample_size=64, **{**config, **tiny})
        models[name] = Model(model, _layers(model))
    return models


@pytest.fixture(scope="session")
def unets() -> dict[str, Model]:
    """The U-Nets as published."""
    return _unets()


@pytest.fixture(scope="session")
def tiny_unets() -> dict[str, Model]:
    """The same with few channels and a text width no published model has."""
    return _unets(
        block_out_channels=lambda config: (16,) * len(config["block_out_channels"]),
        attention_head_dim=2,
        norm_num_groups=4,
        cross_attention_dim=24,
    )


@pytest.fixture(scope="session")
def clip_layers() -> dict[str, tuple[int, ...]]:
    transformers = importlib.import_module("transformers")
    with torch.device("meta"):
        config = transformers.CLIPTextConfig(num_hidden_layers=CLIP_LAYERS, projection_dim=64)
        return _layers(transformers.CLIPTextModelWithProjection(config))
