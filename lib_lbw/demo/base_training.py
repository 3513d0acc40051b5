"""Training of the base model: U-Net and text encoder together, from nothing."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from lib_lbw.demo.model import load_demo_pipeline, new_pipeline, renew_text_encoder, save_weights
from lib_lbw.demo.objective import USUAL, Emphasis, denoising_loss, descend
from lib_lbw.demo.pictures import PicturePool
from lib_lbw.demo.vocabulary import random_caption


@dataclass(frozen=True)
class BasePlan:
    """How the base is trained; ended by `minutes`, the result depends on the machine's speed.

    `stop` ends it before the rate has fallen; `resume` is the second round, from those weights.
    """

    seed: int = 0
    steps: int = 8500
    batch: int = 8
    pictures: int = 10000
    rate: float = 1.3e-3
    warmup: int = 200
    decay: float = 0.995
    emphasis: Emphasis = USUAL
    stop: int | None = None
    resume: bool = False
    renew_text: bool = False
    minutes: float = math.inf
    save_every: int = 250
    workers: int = 2


class Average:
    """A running mean of a model's parameters, which is what gets saved."""

    def __init__(self, parameters: list[torch.nn.Parameter], decay: float) -> None:
        self._parameters = parameters
        self._mean = [p.detach().clone() for p in parameters]
        self._decay = decay
        self._count = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters of one step."""
        self._count += 1
        # Early on a long memory would mostly remember the random start.
        decay = min(self._decay, self._count / (self._count + 10))
        torch._foreach_lerp_(self._mean, list[torch.Tensor](self._parameters), 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the parameters and their mean; twice is nothing."""
        for mean, parameter in zip(self._mean, self._parameters, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(mean)
            mean.copy_(kept)


def learning_rate(progress: float, step: int, plan: BasePlan) -> float:
    """Linear warm-up, then a cosine from the plan's rate to zero; `progress` in 0..1."""
    warm = min(1.0, (step + 1) / plan.warmup)
    return plan.rate * warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, progress)))


class LossLog:
    """``step,seconds,loss`` lines in a file, each the mean of `every` steps."""

    def __init__(self, path: Path, every: int = 50) -> None:
        self._path, self._every = path, every
        self._losses: list[float] = []
        self._started = time.monotonic()
        path.write_text("step,seconds,loss\n", encoding="utf-8")

    @property
    def seconds(self) -> float:
        """Since the log was opened."""
        return time.monotonic() - self._started

    def add(self, step: int, loss: float) -> None:
        """Take in the loss of one step, counted from 1."""
        self._losses.append(loss)
        if len(self._losses) == self._every:
            mean = sum(self._losses) / self._every
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{step},{self.seconds:.1f},{mean:.5f}\n")
            self._losses.clear()


def train_base(plan: BasePlan, folder: Path, log: Path) -> StableDiffusionPipeline:
    """Train, save to `folder` as it goes, and write the loss to `log`."""
    pipeline = load_demo_pipeline(folder=folder) if plan.resume else new_pipeline(folder, plan.seed)
    if plan.renew_text:
        renew_text_encoder(pipeline, plan.seed)
    pool = PicturePool(plan.pictures, plan.seed, plan.workers)
    pipeline.unet.requires_grad_(True).train().to(memory_format=torch.channels_last)
    pipeline.text_encoder.requires_grad_(True).train()
    parameters = [*pipeline.unet.parameters(), *pipeline.text_encoder.parameters()]
    average = Average(parameters, plan.decay)
    optimizer = torch.optim.AdamW(parameters, plan.rate, betas=(0.9, 0.99), weight_decay=0.01)
    rng, generator = np.random.default_rng(plan.seed), torch.Generator().manual_seed(plan.seed)
    losses = LossLog(log)
    for step in range(plan.stop or plan.steps):
        progress = max(step / plan.steps, losses.seconds / 60 / plan.minutes)
        if progress >= 1:
            break
        optimizer.param_groups[0]["lr"] = learning_rate(progress, step, plan)
        pixels, scenes = pool.batch(plan.batch, rng)
        captions = [random_caption(scene, rng) for scene in scenes]
        loss = denoising_loss(pipeline, pixels, captions, generator, plan.emphasis)
        descend(optimizer, parameters, loss)
        average.update()
        losses.add(step + 1, loss.item())
        if (step + 1) % plan.save_every == 0:
            average.swap()
            save_weights(pipeline, folder)
            average.swap()
    average.swap()
    save_weights(pipeline, folder)
    return pipeline
