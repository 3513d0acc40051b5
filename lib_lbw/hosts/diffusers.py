"""A diffusers Stable Diffusion pipeline as a host."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image

from lib_lbw.blocks.family import Family
from lib_lbw.engine.plan import ScalePlan
from lib_lbw.engine.recipes import moments, recipes
from lib_lbw.errors import HostError
from lib_lbw.hosts.base import Job, OnImage, OnStep, Picture
from lib_lbw.hosts.budget import batch_size, merged_bytes
from lib_lbw.hosts.deltas import Deltas
from lib_lbw.hosts.fit import faults
from lib_lbw.hosts.memory import free_bytes
from lib_lbw.hosts.modules import Layers
from lib_lbw.hosts.patcher import Patcher
from lib_lbw.hosts.prompts import Encoder
from lib_lbw.hosts.run import Run
from lib_lbw.hosts.samplers import samplers, timed
from lib_lbw.weights.notice import Notice


class DiffusersHost:
    """Draws with the U-Net and the text encoders of a pipeline whose modules have scales of their own.

    Not for several threads at once: one model has one set of weights.
    """

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        loras: Mapping[str, Path],
        *,
        model: str = "",
        defaults: Picture | None = None,
        delta_room: int | None = None,
        batch: int | None = None,
    ) -> None:
        """Take a loaded `pipeline` (SD 1, SD 2 or SDXL classes) on the device where it will stay.

        `loras` maps the names of directives to files; `model` is the model's own name. At most `delta_room` bytes of
        deltas are remembered, by default a quarter of the free memory. `batch` is the number of pictures denoised at
        once; by default the free memory decides.
        """
        self.model = model
        self.family = family
        self.loras: Mapping[str, Path] = MappingProxyType(dict(loras))
        self.samplers = samplers(pipeline.scheduler.config)
        self.defaults = defaults or Picture("")
        self._pipeline = pipeline
        self._batch = batch
        self._device = torch.device(pipeline._execution_device)
        self._layers = Layers(pipeline)
        self._deltas = Deltas(free_bytes(self._device) // 4 if delta_room is None else delta_room)
        self._patcher = Patcher(self._layers.find, self._deltas)
        self._text_patcher = Patcher(self._layers.find, self._deltas)
        self._encoder = Encoder(pipeline, self._text_patcher, self._device)
        self._busy = False

    @property
    def device(self) -> str:
        """The device, by its own name where it has one, and the type of the U-Net's numbers."""
        dtype = str(self._pipeline.unet.dtype).removeprefix("torch.")
        if self._device.type != "cuda":
            return f"{self._device}, {dtype}"
        return f"{torch.cuda.get_device_name(self._device)} ({self._device}), {dtype}"

    def check(self, picture: Picture) -> None:
        """Raise HostError for a size, a sampler or a number of steps that the model cannot draw with."""
        scale = self._pipeline.vae_scale_factor
        if picture.height % scale or picture.width % scale:
            raise HostError(
                "{width}x{height} is no picture size of this model: both must be multiples of {scale}.",
                width=picture.width,
                height=picture.height,
                scale=scale,
            )
        timed(picture, self._pipeline.scheduler.config)

    @contextmanager
    def applied(self, plans: Sequence[ScalePlan]) -> Iterator[None]:
        """Give the modules their scales inside the block; afterwards the model is bit-identical to before.

        Raises HostError for a plan with a schedule, because steps are not known here (`draw` knows them), and when
        scales are in force already.
        """
        if any(plan.schedule is not None for plan in plans):
            raise HostError("A schedule needs sampling steps: draw the picture instead of applying the plan.")
        with self._patching(plans):
            self._patcher.change([recipes(plans, 0, 1)])
            yield

    def draw(self, picture: Picture, plans: Sequence[ScalePlan] = (), on_step: OnStep | None = None) -> Image.Image:
        """Draw one picture."""
        drawn: list[Image.Image] = []
        self.draw_many([(picture, plans)], lambda _, image: drawn.append(image), on_step)
        return drawn[0]

    def draw_many(self, jobs: Sequence[Job], on_image: OnImage, on_step: OnStep | None = None) -> None:
        """Draw all jobs; pictures alike in size, steps, guidance and sampler are denoised together.

        Every picture is what `draw` makes of its job, to 1/255. When memory runs out, fewer are drawn at once. Raises
        HostError before anything is drawn for a picture that `check` refuses, and when memory does not hold one.
        """
        if not jobs:
            return
        for picture in {replace(picture, prompt="", negative_prompt="", seed=0) for picture, _ in jobs}:
            self.check(picture)
        every_plan = [plan for _, plans in jobs for plan in plans]
        with self._patching(every_plan), torch.no_grad():
            run = Run(self._pipeline, self._patcher, self._encoder, on_image, on_step or _unheard)
            run.draw(jobs, self._batch or self._fitting(jobs))

    def _fitting(self, jobs: Sequence[Job]) -> int:
        """Return how many of `jobs` fit into memory at once."""
        largest = max((picture for picture, _ in jobs), key=lambda picture: picture.width * picture.height)
        merged = merged_bytes([moments(plans, picture.steps) for picture, plans in jobs], self._layers.find)
        return batch_size(self._pipeline, largest, self._device, merged)

    def notices(self, plans: Sequence[ScalePlan]) -> tuple[Notice, ...]:
        """Tell what of the plans' files cannot act on this model; complete after they were applied once."""
        return faults(plans, self._layers, self._deltas)

    @contextmanager
    def _patching(self, plans: Sequence[ScalePlan]) -> Iterator[None]:
        """Own the model's weights for the length of the block."""
        if self._busy:
            raise HostError("The model already has scales in force; leave that block before entering another.")
        self._busy = True
        try:
            self._refresh(plans)
            yield
        finally:
            self._patcher.restore()
            self._text_patcher.restore()
            self._busy = False

    def _refresh(self, plans: Sequence[ScalePlan]) -> None:
        """Notice files that changed on disk since they were last used."""
        changes = [self._deltas.refresh(lora) for lora in sorted({plan.lora for plan in plans})]
        if any(changes):
            self._encoder.forget()


def _unheard(done: int, total: int) -> None:
    """Stand in for a missing step callback."""
