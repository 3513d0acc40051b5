"""The layer that a module changes, as far as its LoRAs tell: shapes and exact ranks, without reading a tensor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.delta import module_delta, module_factors
from lib_lbw.lora.header import TensorInfo
from lib_lbw.lora.module import LoraModule

_THREE_BY_THREE = frozenset({"conv", "conv1", "conv2", "conv_in", "conv_out"})


@dataclass(frozen=True)
class Layer:
    """The shape of a layer's weight: [out, in], [out, in, *kernel], or [channels] for a norm; () for a bias alone."""

    shape: tuple[int, ...]

    @property
    def out(self) -> int:
        """Rows of the flattened weight."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        """Columns of the flattened weight, in * kh * kw."""
        return math.prod(self.shape[1:])

    @property
    def flat(self) -> tuple[int, int]:
        """Rows and columns of the flattened weight."""
        return self.out, self.columns

    @property
    def is_matrix(self) -> bool:
        """Whether the weight is a matrix or a convolution."""
        return len(self.shape) > 1

    @property
    def conv(self) -> bool:
        """Whether it is a convolution with a kernel wider than one."""
        return any(side > 1 for side in self.shape[2:])

    @property
    def least_side(self) -> int:
        """The highest rank a delta can have."""
        return min(self.out, self.columns)


@dataclass(frozen=True)
class Probe:
    """What a module adds: the layer, and the rank of exact factors, None where there are none worth having."""

    layer: Layer
    rank: int | None


def probe(module: LoraModule) -> Probe | None:
    """Return what `module` adds, told from shapes; None where only the base weight tells.

    A DoRA is probed without its magnitude. Raises UnsupportedLoraError for shapes that do not fit.
    """
    bare = without_magnitude(module)
    if bare.needs_base:
        return None
    shape, rank = _told(bare.algorithm, tuple((role, info.shape) for role, info in bare.tensors.items()))
    return Probe(Layer(_with_kernel(module.id, shape)), rank)


@lru_cache(maxsize=4096)
def _told(algorithm: str, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> tuple[tuple[int, ...], int | None]:
    """Return the shape of the weight delta, () for none, and the rank of its factors. A file has few kinds of these."""
    plain = dict(shapes)
    if algorithm == "lora" and "lora_mid" not in plain:  # the first tensor on "meta" loads half of torch: seconds
        return (plain["lora_up"][0], *plain["lora_down"][1:]), plain["lora_up"][1]
    infos = {role: TensorInfo(role, "F32", shape, 0, 0) for role, shape in shapes}
    module = LoraModule(ModuleId("unet", "layer"), "layer", algorithm, infos)
    tensors = {role: torch.empty(shape, device="meta") for role, shape in shapes}
    weight = module_delta(module, tensors).weight
    factors = module_factors(module, tensors, dtype=torch.float32)
    return () if weight is None else tuple(weight.shape), None if factors is None else factors.up.shape[1]


def without_magnitude(module: LoraModule) -> LoraModule:
    """Return the module without what makes it a DoRA."""
    if not module.dora:
        return module
    tensors = {role: info for role, info in module.tensors.items() if role != "dora_scale"}
    return replace(module, tensors=tensors, dora=False)


def same_layer(layers: Sequence[Layer]) -> Layer | None:
    """Return the layer that all shapes describe, the one that knows most of the kernel; None when they differ.

    [out, in] and [out, in, 1, 1] are the same, and so is [out, in * kh * kw] of a file that flattens its kernels.
    """
    matrices = [layer for layer in layers if layer.shape]
    if len({(len(layer.shape) > 1, layer.flat) for layer in matrices}) > 1:
        return None
    return max(matrices, key=lambda layer: layer.conv, default=Layer(()))


def _with_kernel(module: ModuleId, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give a flattened convolution of a U-Net its kernel back: all of that name are 3x3 there."""
    name = module.path.rsplit(".", 1)[-1]
    if module.component == "unet" and name in _THREE_BY_THREE and len(shape) == 2 and shape[1] % 9 == 0:
        return (shape[0], shape[1] // 9, 3, 3)
    return shape
