"""The host against diffusers' own LoRA loading (peft), at one scale everywhere.

The U-Net only: diffusers 0.42 with transformers 5 loads no LoRA into the flattened CLIP text encoder.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lib_lbw.blocks.family import family
from lib_lbw.hosts.diffusers import DiffusersHost

LAYERS = ("to_q", "to_v", "ff.net.2", "conv1")


def noise_prediction(pipeline: Any, seed: int) -> torch.Tensor:
    """What the U-Net says to random rows, through the text encoder."""
    source = torch.Generator().manual_seed(seed)
    rows = torch.randn(2, 4, 8, 8, generator=source)
    with torch.no_grad():
        embeds, _ = pipeline.encode_prompt(["a cat", "dog"], "cpu", 1, False)
        made: torch.Tensor = pipeline.unet(rows, 500, encoder_hidden_states=embeds).sample
    return made


@pytest.fixture
def loaded(sd1: Any) -> Any:
    """Return a loader of files into the pipeline by peft; everything is unloaded afterwards."""

    def load(path: Path, name: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sd1.load_lora_weights(path.parent, weight_name=path.name, adapter_name=name)

    yield load
    sd1.unload_lora_weights()


@pytest.mark.parametrize("scale", [1.0, 0.5, -0.7])
def test_one_scale_is_diffusers_adapter_weight(
    sd1: Any, loaded: Any, write_lora: Callable[..., Path], uniform: Callable[..., Any], scale: float
) -> None:
    path = write_lora(sd1, "oracle", 11, suffixes=LAYERS)
    plain = noise_prediction(sd1, 1)
    with DiffusersHost(sd1, family("sd1"), {}).applied([uniform(path, scale)]):
        ours = noise_prediction(sd1, 1)
    loaded(path, "one")
    sd1.set_adapters(["one"], [scale])
    theirs = noise_prediction(sd1, 1)
    assert (ours - plain).abs().max() > 1e-3
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_two_files_are_two_adapters(
    sd1: Any, loaded: Any, write_lora: Callable[..., Path], uniform: Callable[..., Any]
) -> None:
    paths = [write_lora(sd1, "first", 12, suffixes=LAYERS), write_lora(sd1, "second", 13, suffixes=("to_q", "conv2"))]
    plans = [uniform(paths[0], 0.8), uniform(paths[1], -0.3)]
    with DiffusersHost(sd1, family("sd1"), {}).applied(plans):
        ours = noise_prediction(sd1, 2)
    for number, path in enumerate(paths):
        loaded(path, f"a{number}")
    sd1.set_adapters(["a0", "a1"], [0.8, -0.3])
    assert torch.allclose(ours, noise_prediction(sd1, 2), atol=1e-5)


def test_text_encoder_layers_by_the_formula(
    sd1: Any, write_lora: Callable[..., Path], uniform: Callable[..., Any]
) -> None:
    path = write_lora(sd1, "words", 14, suffixes=("q_proj", "fc1"))
    own = {name: tensor.clone() for name, tensor in sd1.text_encoder.state_dict().items()}
    tensors = load_file(path)
    with DiffusersHost(sd1, family("sd1"), {}).applied([uniform(path, 0.5)]):
        now = {name: tensor.clone() for name, tensor in sd1.text_encoder.state_dict().items()}
    ups = [name for name in tensors if name.endswith("lora_up.weight")]
    assert len(ups) == 6
    for up in ups:
        stem = up.removesuffix(".lora_up.weight")
        delta = tensors[up] @ tensors[f"{stem}.lora_down.weight"] * tensors[f"{stem}.alpha"] / 2
        (name,) = (name for name in own if f"lora_te_text_model_{name}".replace(".", "_") == f"{stem}_weight")
        assert torch.equal(now[name], own[name] + 0.5 * delta)
