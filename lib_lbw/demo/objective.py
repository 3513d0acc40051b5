"""The training objective of the model and its LoRAs: name the clean latent under noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import StableDiffusionPipeline


@dataclass(frozen=True)
class Emphasis:
    """Which noise levels count: `cap` limits the clean ones' weight, `power` < 1 favours noisy."""

    cap: float = 1.5
    power: float = 0.6


USUAL = Emphasis()


def text_states(pipeline: StableDiffusionPipeline, captions: list[str]) -> torch.Tensor:
    """Text encoder output [batch, tokens, width] of captions."""
    tokenizer = pipeline.tokenizer
    tokens = tokenizer(
        captions,
        padding="max_length",
        truncation=True,
        max_length=tokenizer.model_max_length,
        return_tensors="pt",
    )
    states: torch.Tensor = pipeline.text_encoder(tokens.input_ids).last_hidden_state
    return states


def denoising_loss(
    pipeline: StableDiffusionPipeline,
    pixels: torch.Tensor,
    captions: list[str],
    generator: torch.Generator,
    emphasis: Emphasis = USUAL,
) -> torch.Tensor:
    """Mean weighted squared error of the clean latents; pixels [batch, 3, H, W] in -1..1."""
    with torch.no_grad():
        latents = pipeline.vae.encode(pixels).latent_dist.mode()
    count = len(latents)
    levels = pipeline.scheduler.config.num_train_timesteps
    # One draw in each of `count` equal slices of the noise range: less variance than free draws.
    fractions = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    steps = (fractions**emphasis.power * levels).long().clamp(max=levels - 1)
    signal = pipeline.scheduler.alphas_cumprod[steps].view(-1, 1, 1, 1)
    noise = torch.randn(latents.shape, generator=generator)
    noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
    states = text_states(pipeline, captions)
    predicted = pipeline.unet(noisy, steps, states).sample.float()
    # Without the cap this would be the error of the "velocity": all for the finest detail.
    weight = (1 / (1 - signal)).clamp(max=emphasis.cap)
    loss: torch.Tensor = (weight * (predicted - latents).square()).mean()
    return loss


def descend(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], loss: torch.Tensor) -> None:
    """One step of the optimizer down the gradient, whose length is limited to 1."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
