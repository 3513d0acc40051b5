"""The demo model's "VAE": a fixed orthogonal transform of 4x4 patches; nothing is lost or trained.

A patch of 4x4x3 pixels becomes 48 numbers: a cosine transform over the patch, luma and two colour
differences over the channels, then one gain for each number, lest the mean colour drown the detail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput

PATCH = 4
# Half-way to equal spread: full gains made the model spend itself on detail that the eye forgives.
GAIN_SCALE, GAIN_SLOPE, GAIN_POWER, CHROMA_GAINS = 1.7, 1.0, 0.35, (1.0, 1.3, 1.6)


def cosine_basis(size: int) -> torch.Tensor:
    """The orthonormal DCT-II matrix [size frequencies, size positions]."""
    position = torch.arange(size, dtype=torch.float64) + 0.5
    frequency = torch.arange(size, dtype=torch.float64)[:, None]
    basis = torch.cos(math.pi * frequency * position / size) * math.sqrt(2 / size)
    basis[0] *= math.sqrt(0.5)
    return basis


def colour_basis() -> torch.Tensor:
    """Three orthonormal rows over (R, G, B): luma, red against blue, green against both."""
    rows = [[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 2.0, -1.0]]
    basis = torch.tensor(rows, dtype=torch.float64)
    unit: torch.Tensor = basis / basis.norm(dim=1, keepdim=True)
    return unit


def patch_basis(size: int) -> torch.Tensor:
    """The orthonormal matrix [3*size*size latent channels, 3*size*size pixel values]."""
    cosine = cosine_basis(size)
    return torch.kron(colour_basis(), torch.kron(cosine, cosine))


def patch_gains(size: int) -> torch.Tensor:
    """One positive factor for each latent channel: about 1 / sqrt(its spread in the drawings)."""
    u = torch.arange(size, dtype=torch.float64)
    radius = (u[:, None] ** 2 + u[None, :] ** 2).sqrt()
    luma = GAIN_SCALE * (1 + GAIN_SLOPE * radius) ** GAIN_POWER
    return torch.cat([gain * luma.flatten() for gain in CHROMA_GAINS])


@dataclass(frozen=True)
class PatchPosterior:
    """What `encode` found. There is no randomness in it: `sample` and `mode` are the same."""

    mean: torch.Tensor

    def mode(self) -> torch.Tensor:
        """The latent [batch, channels, height / 4, width / 4]."""
        return self.mean

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        """The latent; `generator` is accepted for the pipelines' sake."""
        return self.mean


@dataclass(frozen=True)
class PatchEncoding:
    """The result of `PatchAutoencoder.encode`."""

    latent_dist: PatchPosterior


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Pixels [batch, 3, H, W] in -1..1 to latents [batch, 48, H/4, W/4], and back exactly."""

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        patch: int = PATCH,
        latent_channels: int = 3 * PATCH * PATCH,
        block_out_channels: tuple[int, ...] = (1, 1, 1),
        scaling_factor: float = 1.0,
        force_upcast: bool = False,
    ) -> None:
        super().__init__()
        basis, gains = patch_basis(patch), patch_gains(patch)
        side = (3 * patch * patch, 3, patch, patch)
        encoder, decoder = basis * gains[:, None], basis / gains[:, None]
        self.encoder = torch.nn.Parameter(encoder.float().reshape(side), requires_grad=False)
        self.decoder = torch.nn.Parameter(decoder.float().reshape(side), requires_grad=False)

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> PatchEncoding | tuple[PatchPosterior]:
        """Latents of pixels."""
        posterior = PatchPosterior(torch.nn.functional.conv2d(x, self.encoder, stride=self.encoder.shape[-1]))
        return PatchEncoding(posterior) if return_dict else (posterior,)

    def decode(
        self, z: torch.Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[torch.Tensor]:
        """Pixels of latents."""
        weight = self.decoder
        pixels = torch.nn.functional.conv_transpose2d(z, weight, stride=weight.shape[-1])
        return DecoderOutput(sample=pixels) if return_dict else (pixels,)
