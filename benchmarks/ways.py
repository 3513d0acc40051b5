"""The ways to draw a block grid, and the parts of them, each timed."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.models import Subject
from lib_lbw.analysis.generator import Request
from lib_lbw.blocks.family import family
from lib_lbw.engine.recipes import Recipes, recipes
from lib_lbw.hosts.deltas import Deltas
from lib_lbw.hosts.diffusers import DiffusersHost
from lib_lbw.hosts.modules import Layers
from lib_lbw.hosts.patcher import Patcher
from lib_lbw.hosts.prompts import encode
from lib_lbw.hosts.session import Session

ROOM = 4 * 2**30
BATCH = 16


class Ways:
    """Each method draws (or prepares) all cells of one subject once and returns the seconds a cell."""

    def __init__(self, subject: Subject, clock: Callable[[], float]) -> None:
        self._subject = subject
        self._clock = clock
        self._requests = [Request(prompt, subject.picture.seed) for prompt in subject.prompts()]
        self._cells = len(self._requests)
        self._embeds = encode(subject.pipeline, subject.picture, torch.device("cpu")).embeds
        self._deltas = Deltas(ROOM)
        self._sessions = {batch: self._session(batch) for batch in (1, BATCH)}

    def bare(self) -> float:
        """The pipeline without any LoRA, prompts encoded beforehand: the limit for one picture after another."""
        return self._seconds(lambda: [self._draw_plainly(1) for _ in self._requests]) / self._cells

    def bare_batch(self) -> float:
        """The same pictures as one batch: the limit for a batch."""
        return self._seconds(lambda: self._draw_plainly(self._cells)) / self._cells

    def naive(self) -> float:
        """diffusers alone: load the file for every cell, draw, unload."""

        def cell() -> None:
            self._load()
            self._draw_plainly(1)
            self._subject.pipeline.unload_lora_weights()

        return self._seconds(lambda: [cell() for _ in self._requests]) / self._cells

    def one_by_one(self) -> float:
        """Ours, one picture after another, from the prompt with its directive to the picture."""
        return self._draw(1)

    def batched(self) -> float:
        """Ours, up to `BATCH` pictures at once."""
        return self._draw(BATCH)

    def reload(self) -> float:
        """What `naive` spends beside drawing."""

        def cell() -> None:
            self._load()
            self._subject.pipeline.unload_lora_weights()

        return self._seconds(lambda: [cell() for _ in self._requests]) / self._cells

    def first(self) -> float:
        """Reading the file and merging it into the model, once a run."""
        patcher = Patcher(Layers(self._subject.pipeline).find, Deltas(ROOM))
        taken = self._seconds(lambda: patcher.change([self._recipes(self._requests[0].prompt)]))
        patcher.restore()
        return taken

    def switch(self) -> float:
        """From one cell to the next: the prompt understood, one block switched on again and another one off."""
        return self._change([request.prompt for request in self._requests])

    def rescale(self) -> float:
        """From one cell to the next when every block gets a new weight: all layers merged anew."""
        words, name = self._subject.picture.prompt, self._subject.lora.stem
        return self._change([f"{words} <lora:{name}:{1 + number / 100}>" for number in range(self._cells)])

    def _seconds(self, work: Callable[[], object]) -> float:
        start = self._clock()
        work()
        return self._clock() - start

    def _change(self, prompts: list[str]) -> float:
        patcher = Patcher(Layers(self._subject.pipeline).find, self._deltas)
        patcher.change([self._recipes(prompts[0])])
        taken = self._seconds(lambda: [patcher.change([self._recipes(prompt)]) for prompt in prompts[1:]])
        patcher.restore()
        return taken / (len(prompts) - 1)

    def _recipes(self, prompt: str) -> Recipes:
        return recipes(self._sessions[1].prepare(prompt, 0).plans, 0, 1)

    def _session(self, batch: int) -> Session:
        files = {self._subject.lora.stem: self._subject.lora}
        host = DiffusersHost(self._subject.pipeline, family("sd1"), files, batch=batch, delta_room=ROOM)
        return Session(host, settings=self._subject.picture)

    def _draw(self, batch: int) -> float:
        session = self._sessions[batch]
        nothing = (lambda *_: None, lambda *_: None, lambda: False)
        return self._seconds(lambda: session.generate_many(self._requests, *nothing)) / self._cells

    def _load(self) -> None:
        lora = self._subject.lora
        self._subject.pipeline.load_lora_weights(lora.parent, weight_name=lora.name)

    def _draw_plainly(self, count: int) -> Any:
        picture = self._subject.picture
        return self._subject.pipeline(
            prompt_embeds=self._embeds[1:].expand(count, -1, -1),
            negative_prompt_embeds=self._embeds[:1].expand(count, -1, -1),
            num_inference_steps=picture.steps,
            guidance_scale=picture.cfg_scale,
            width=picture.width,
            height=picture.height,
            generator=[torch.Generator().manual_seed(picture.seed) for _ in range(count)],
        )
