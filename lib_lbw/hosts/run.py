"""One run over many pictures: batches, prompts, steps, and less at once when memory runs out."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from PIL import Image

from lib_lbw.engine.batches import batches
from lib_lbw.engine.recipes import image_part, recipes, text_part
from lib_lbw.errors import HostError
from lib_lbw.hosts.base import Job, OnImage, OnStep, Picture
from lib_lbw.hosts.denoise import decode, denoise
from lib_lbw.hosts.memory import empty_caches, is_out_of_memory
from lib_lbw.hosts.patcher import Patcher
from lib_lbw.hosts.prompts import Conditioning, Encoder

Made = TypeVar("Made")


class Run:
    """Draws jobs through a patcher. Layers stay as the last picture needs them; the owner restores them."""

    def __init__(self, pipeline: Any, patcher: Patcher, encoder: Encoder, on_image: OnImage, on_step: OnStep) -> None:
        """`on_step` hears of every sampling step of every picture."""
        self._pipeline = pipeline
        self._patcher = patcher
        self._encoder = encoder
        self._on_image = on_image
        self._on_step = on_step
        self._done = 0
        self._total = 0

    def draw(self, jobs: Sequence[Job], size: int) -> None:
        """Draw `jobs`, at most `size` at once. When memory runs out, go on with half as many at once."""
        self._total = sum(picture.steps for picture, _ in jobs)
        waiting = list(batches(jobs, _alike, size))
        while waiting:
            batch = waiting.pop(0)
            if len(batch) > size:
                waiting[:0] = [batch[:size], batch[size:]]
            elif (latents := self._denoise_or_none([jobs[number] for number in batch])) is not None:
                self._deliver(batch, latents)
            else:
                size = (len(batch) + 1) // 2
                waiting.insert(0, batch)

    def _denoise_or_none(self, jobs: Sequence[Job]) -> torch.Tensor | None:
        """Sample one batch; None when several pictures are too many for memory. Raises HostError when one is."""
        done = self._done
        latents = self._in_memory(lambda: self._denoise(jobs))
        if latents is None:
            self._done = done
            if len(jobs) == 1:
                raise _too_large(jobs[0][0])
        return latents

    def _deliver(self, batch: Sequence[int], latents: torch.Tensor) -> None:
        """Decode and hand out the pictures of a batch one by one. Raises HostError when one is too many for memory."""
        for number, one in zip(batch, latents, strict=True):
            self._on_image(number, self._decode(one))

    def _decode(self, latents: torch.Tensor) -> Image.Image:
        """Decode one picture; when memory runs out, once more without the merged weights beside it."""
        for _ in range(2):
            image = self._in_memory(lambda: decode(self._pipeline, latents))
            if image is not None:
                return image
        scale = self._pipeline.vae_scale_factor
        raise _too_large(Picture("", width=latents.shape[-1] * scale, height=latents.shape[-2] * scale))

    def _in_memory(self, make: Callable[[], Made]) -> Made | None:
        """Return what `make` makes; None, with all merged weights let go of, when memory runs out."""
        try:
            return make()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, where the error no longer holds on to the tensors of its frames.
        self._patcher.restore()
        empty_caches()
        return None

    def _denoise(self, jobs: Sequence[Job]) -> torch.Tensor:
        """Sample the latents of one batch."""
        pictures = [picture for picture, _ in jobs]
        conditioning = [self._condition(job) for job in jobs]
        steps = pictures[0].steps
        plans = [plan for _, plans in jobs for plan in plans]
        acting: list[bool] | None = None

        def before_step(step: int) -> None:
            nonlocal acting
            now = [plan.active(step, steps) for plan in plans]
            if now != acting:
                acting = now
                self._patcher.change([image_part(recipes(plans, step, steps)) for _, plans in jobs])

        def after_step(done: int) -> None:
            self._done += len(jobs)
            self._on_step(self._done, self._total)

        return denoise(self._pipeline, pictures, conditioning, before_step, after_step)

    def _condition(self, job: Job) -> Conditioning:
        """Encode the prompts of one job with the text encoders of its plans."""
        picture, plans = job
        return self._encoder(picture, text_part(recipes(plans, 0, picture.steps)))


def _alike(job: Job) -> tuple[object, ...]:
    """Return what pictures must share to be denoised together."""
    picture: Picture = job[0]
    return (picture.steps, picture.cfg_scale, picture.width, picture.height, picture.sampler)


def _too_large(picture: Picture) -> HostError:
    """Tell that memory does not hold what one picture needs."""
    return HostError(
        "Memory ran out while drawing one picture of {width}x{height}. Draw a smaller one, close other programs that "
        "use the memory, or load the model in half precision (--dtype float16).",
        width=picture.width,
        height=picture.height,
    )
