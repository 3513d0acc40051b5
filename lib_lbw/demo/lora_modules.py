"""Low-rank branches that train beside a frozen layer: LoRA (also for convolutions) and LoHa."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from diffusers import StableDiffusionPipeline
from torch import nn
from torch.nn import functional

Layer = nn.Linear | nn.Conv2d
_ATTENTION, _CONVOLUTION = "Transformer2DModel", ("ResnetBlock2D", "Downsample2D", "Upsample2D")


def _apply(layer: Layer, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """What `layer` would do to `x` with another weight of its shape (or fewer rows), no bias."""
    if isinstance(layer, nn.Linear):
        return functional.linear(x, weight)
    return functional.conv2d(x, weight, None, layer.stride, layer.padding)


class Branch(nn.Module):
    """One layer's trainable delta; its parameters are named as in a file."""

    def __init__(self, alpha: float, rank: int) -> None:
        super().__init__()
        self.alpha, self.rank = alpha, rank

    def forward(self, layer: Layer, x: torch.Tensor) -> torch.Tensor:
        """What the delta adds to the layer's output for the input `x`."""
        raise NotImplementedError

    def tensors(self) -> dict[str, torch.Tensor]:
        """Suffix to tensor, alpha included."""
        found = {name.replace("__", "."): p.detach() for name, p in self.named_parameters()}
        return {**found, "alpha": torch.tensor(float(self.alpha))}


class LoraBranch(Branch):
    """``up @ down``; a convolution keeps its kernel in `down`, `up` is 1x1."""

    def __init__(self, layer: Layer, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__(alpha, rank)
        shape = layer.weight.shape
        spread = shape[1:].numel() ** -0.5
        down = torch.randn(rank, *shape[1:], generator=generator) * spread
        up = torch.zeros(shape[0], rank, *(1 for _ in shape[2:]))
        # "__" stands for the dot that a parameter's name may not hold.
        self.lora_down__weight, self.lora_up__weight = nn.Parameter(down), nn.Parameter(up)

    def forward(self, layer: Layer, x: torch.Tensor) -> torch.Tensor:
        """Down, up, times alpha / rank."""
        low, up = _apply(layer, x, self.lora_down__weight), self.lora_up__weight
        high = functional.linear(low, up) if up.ndim == 2 else functional.conv2d(low, up)
        return high * (self.alpha / self.rank)


class LohaBranch(Branch):
    """``(w1_a @ w1_b) * (w2_a @ w2_b)``, element by element, in the shape of the weight."""

    def __init__(self, layer: Layer, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__(alpha, rank)
        rows, columns = layer.weight.shape[0], layer.weight.shape[1:].numel()

        def factor(height: int, width: int, spread: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(height, width, generator=generator) * spread)

        self.hada_w1_a, self.hada_w1_b = factor(rows, rank, 0.1), factor(rank, columns, 1.0)
        self.hada_w2_a = nn.Parameter(torch.zeros(rows, rank))
        self.hada_w2_b = factor(rank, columns, 1.0)

    def forward(self, layer: Layer, x: torch.Tensor) -> torch.Tensor:
        """The layer with the delta as its weight, times alpha / rank."""
        delta = (self.hada_w1_a @ self.hada_w1_b) * (self.hada_w2_a @ self.hada_w2_b)
        weight = delta.reshape(layer.weight.shape) * (self.alpha / self.rank)
        return _apply(layer, x, weight)


Targets = dict[str, Layer]


def unet_targets(unet: nn.Module, convolutions: bool) -> Targets:
    """Kohya's names of the layers inside transformers, and in the other blocks if asked for."""
    wanted = (_ATTENTION, *_CONVOLUTION) if convolutions else (_ATTENTION,)
    found: Targets = {}
    for name, parent in unet.named_modules():
        if type(parent).__name__ in wanted:
            for inner, layer in parent.named_modules():
                if isinstance(layer, nn.Linear | nn.Conv2d):
                    found["lora_unet_" + f"{name}.{inner}".replace(".", "_")] = layer
    return found


def text_targets(encoder: nn.Module) -> Targets:
    """Kohya's module names of the text encoder's attention and MLP layers."""
    layers = {
        name.removeprefix("text_model."): layer
        for name, layer in encoder.named_modules()
        if isinstance(layer, nn.Linear)
    }
    return {"lora_te_text_model_" + n.replace(".", "_"): layer for n, layer in layers.items()}


def lora_targets(pipeline: StableDiffusionPipeline, convolutions: bool, text: bool) -> Targets:
    """The layers a LoRA of this kind changes."""
    chosen = unet_targets(pipeline.unet, convolutions)
    return chosen | text_targets(pipeline.text_encoder) if text else chosen


def _hook(
    branch: Branch,
) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], torch.Tensor]:
    def add(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        extra: torch.Tensor = branch(layer, inputs[0])
        return output + extra

    return add


@contextmanager
def attached(targets: Targets, branches: dict[str, Branch]) -> Iterator[None]:
    """While open, each target's output has its branch added."""
    hooks = [targets[name].register_forward_hook(_hook(b)) for name, b in branches.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def branches_from(tensors: dict[str, torch.Tensor], targets: Targets, weight: float = 1.0) -> dict[str, Branch]:
    """The branches that a file's tensors describe, at `weight` times their strength."""
    grouped: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, suffix = key.partition(".")
        grouped.setdefault(name, {})[suffix.replace(".", "__")] = tensor.float()
    branches: dict[str, Branch] = {}
    for name, parts in grouped.items():
        alpha = float(parts.pop("alpha")) * weight
        loha = "hada_w1_a" in parts
        rank = len(parts["hada_w1_b" if loha else "lora_down__weight"])
        branch = (LohaBranch if loha else LoraBranch)(targets[name], rank, alpha, torch.Generator().manual_seed(0))
        branch.load_state_dict(parts)
        branches[name] = branch.requires_grad_(False)
    return branches


@contextmanager
def lora_applied(
    pipeline: StableDiffusionPipeline, tensors: dict[str, torch.Tensor], weight: float = 1.0
) -> Iterator[None]:
    """While open, the pipeline draws with a LoRA's tensors at `weight`; for sample sheets."""
    targets = lora_targets(pipeline, convolutions=True, text=True)
    with attached(targets, branches_from(tensors, targets, weight)):
        yield
