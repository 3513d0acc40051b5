"""The sampling loop: noise to latents, several pictures at once.

Written out here, because the scales of a step must be set before its first model call, and because the samples of a
batch have noise sources of their own. For one picture it computes what the diffusers pipelines compute.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from lib_lbw.engine.steps import steps_of_calls
from lib_lbw.hosts.base import Picture
from lib_lbw.hosts.prompts import Conditioning, guided
from lib_lbw.hosts.samplers import timed


def denoise(
    pipeline: Any,
    pictures: Sequence[Picture],
    conditioning: Sequence[Conditioning],
    before_step: Callable[[int], None],
    after_step: Callable[[int], None],
) -> torch.Tensor:
    """Sample the latents of `pictures`, which must agree in all but prompts and seed.

    Rows of the model's batch are sample-major: a guided sample owns two neighbouring rows, its negative one first.
    `before_step(i)` runs before the first model call of step i (0-based), `after_step(n)` after n steps are done.
    Returns (samples, channels, height / 8, width / 8) latents.
    """
    first = pictures[0]
    sampler = timed(first, pipeline.scheduler.config, conditioning[0].embeds.device)
    generators = [torch.Generator("cpu").manual_seed(picture.seed) for picture in pictures]
    latents: torch.Tensor = _noise(pipeline, first, generators, conditioning[0].embeds) * sampler.init_noise_sigma
    extra = {"generator": generators} if "generator" in inspect.signature(sampler.step).parameters else {}
    predict = _Predictor(pipeline, pictures, conditioning)
    times = sampler.timesteps
    numbers = steps_of_calls(times.tolist(), sampler.order, first.steps)
    for call, time in enumerate(times):
        if call == 0 or numbers[call] != numbers[call - 1]:
            before_step(numbers[call])
        noise = predict(sampler.scale_model_input(latents, time), time)
        latents = sampler.step(noise, time, latents, **extra, return_dict=False)[0].to(latents.dtype)
        if call + 1 == len(times) or numbers[call + 1] != numbers[call]:
            after_step(numbers[call] + 1)
    return latents


def _noise(pipeline: Any, picture: Picture, generators: list[torch.Generator], like: torch.Tensor) -> torch.Tensor:
    """Draw the initial noise, on the CPU so that a seed means the same picture on every device."""
    scale = pipeline.vae_scale_factor
    size = (len(generators), pipeline.unet.config.in_channels, picture.height // scale, picture.width // scale)
    noise: torch.Tensor = randn_tensor(size, generator=generators, device=like.device, dtype=like.dtype)
    return noise


class _Predictor:
    """Calls the U-Net on all rows and applies the guidance."""

    def __init__(self, pipeline: Any, pictures: Sequence[Picture], conditioning: Sequence[Conditioning]) -> None:
        self._unet = pipeline.unet
        self._scale = pictures[0].cfg_scale
        self._guided = guided(pictures[0])
        self._embeds = torch.cat([one.embeds for one in conditioning])
        self._added = _added(conditioning, pictures[0])

    def __call__(self, latents: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        rows = latents.repeat_interleave(2, dim=0) if self._guided else latents
        noise: torch.Tensor = self._unet(
            rows, time, encoder_hidden_states=self._embeds, added_cond_kwargs=self._added, return_dict=False
        )[0]
        if not self._guided:
            return noise
        negative, positive = noise[0::2], noise[1::2]
        return negative + self._scale * (positive - negative)


def _added(conditioning: Sequence[Conditioning], picture: Picture) -> dict[str, torch.Tensor] | None:
    """Return SDXL's pooled prompts and size conditioning (uncropped, original size = size), None elsewhere."""
    pooled = [one.pooled for one in conditioning if one.pooled is not None]
    if not pooled:
        return None
    texts = torch.cat(pooled)
    size = (picture.height, picture.width)
    ids = torch.tensor([[*size, 0, 0, *size]], dtype=texts.dtype, device=texts.device)
    return {"text_embeds": texts, "time_ids": ids.expand(len(texts), -1)}


def decode(pipeline: Any, latents: torch.Tensor) -> Image.Image:
    """Decode the (channels, h, w) latents of one picture, in float32 where the autoencoder overflows in half."""
    vae = pipeline.vae
    upcast = vae.dtype == torch.float16 and bool(vae.config.force_upcast)
    if upcast:
        vae.to(torch.float32)
    try:
        image = vae.decode(_unscaled(vae, latents[None]).to(vae.dtype), return_dict=False)[0]
    finally:
        if upcast:
            vae.to(torch.float16)
    picture: Image.Image = pipeline.image_processor.postprocess(image, output_type="pil")[0]
    return picture


def _unscaled(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation that the autoencoder's latents were trained with."""
    mean, deviation = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    scaled: torch.Tensor = latents / vae.config.scaling_factor
    if mean is None or deviation is None:
        return scaled
    shape = (1, -1, 1, 1)
    return scaled * torch.tensor(deviation).view(shape).to(latents) + torch.tensor(mean).view(shape).to(latents)
