"""A host whose pictures are arithmetic, so that panels are tested with the real session in milliseconds."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from lib_lbw.blocks.family import Family, family
from lib_lbw.blocks.locate import block_of
from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.engine.plan import ScalePlan
from lib_lbw.errors import HostError
from lib_lbw.hosts.base import Job, OnImage, OnStep, Picture
from lib_lbw.hosts.session import Session
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.workbench import Workbench
from lib_lbw.weights.notice import Notice


class ArithmeticHost:
    """Draws flat pictures: the brighter, the more scale the plans have; later blocks count more."""

    model = "arithmetic"
    device = "paper, whole numbers"
    samplers = ("Euler", "DDIM")

    pause = 0.0  # seconds a step takes

    def __init__(self) -> None:
        self.family: Family = family("sd1")
        self.loras: Mapping[str, Path] = {name: demo_lora_path(name) for name in demo_lora_names()}
        self.defaults = Picture("", seed=1, steps=2, cfg_scale=3.0, width=16, height=16)

    def check(self, picture: Picture) -> None:
        if picture.sampler not in self.samplers:
            raise HostError("no sampler {name}", name=picture.sampler)

    @contextmanager
    def applied(self, plans: Sequence[ScalePlan]) -> Iterator[None]:
        yield

    def draw(self, picture: Picture, plans: Sequence[ScalePlan] = (), on_step: OnStep | None = None) -> Image.Image:
        drawn: list[Image.Image] = []
        self.draw_many([(picture, plans)], lambda _, image: drawn.append(image), on_step)
        return drawn[0]

    def draw_many(self, jobs: Sequence[Job], on_image: OnImage, on_step: OnStep | None = None) -> None:
        steps = sum(picture.steps for picture, _ in jobs)
        done = 0
        for number, (picture, plans) in enumerate(jobs):
            for _ in range(picture.steps):
                done += 1
                time.sleep(self.pause)
                if on_step is not None:
                    on_step(done, steps)
            on_image(number, Image.new("L", (picture.width, picture.height), self._brightness(plans)).convert("RGB"))

    def notices(self, plans: Sequence[ScalePlan]) -> tuple[Notice, ...]:
        return ()

    def _brightness(self, plans: Sequence[ScalePlan]) -> int:
        order = {leaf: number for number, leaf in enumerate(self.family.blocks)}
        total = sum(
            scale * order[block_of(module, self.family)] ** 2 for plan in plans for module, scale in plan.scales
        )
        return max(0, min(255, 30 + round(total / 1500)))


@pytest.fixture
def session() -> Session:
    return Session(ArithmeticHost())


@pytest.fixture
def bench(session: Session, tmp_path: Path) -> Workbench:
    return Workbench(session, tmp_path, PresetStore(tmp_path / "presets"), tmp_path / "loras")


@pytest.fixture
def slow_bench(tmp_path: Path) -> Workbench:
    """A workbench whose pictures take long enough to be stopped."""
    host = ArithmeticHost()
    host.pause = 0.01
    return Workbench(Session(host), tmp_path, PresetStore(tmp_path / "presets"), tmp_path / "loras")
