"""Analyses whose pictures take no time, for panels that show them."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.generator import OnImage, OnStep, Request
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.run import run_analysis
from lib_lbw.analysis.study import BlockStudy
from lib_lbw.blocks.family import family
from lib_lbw.demo import demo_lora_path
from lib_lbw.lora.file import LoraFile


class Bars:
    """Draws white pictures, darkened further from the left with each request: the later a block, the more it does."""

    def __init__(self, most: int = 99) -> None:
        self.most = most

    def generate_many(
        self, requests: Sequence[Request], on_image: OnImage, on_step: OnStep, should_stop: Callable[[], bool]
    ) -> None:
        for number, request in enumerate(requests[: self.most]):
            image = Image.new("RGB", (32, 32), "white")
            image.paste((0, 0, 60 * request.seed), (0, 0, 3 * number, 32))
            on_image(number, image, "")


def analysed(root: Path, name: str, lora: str, study: BlockStudy, drawer: Bars | None = None) -> Path:
    """Put an analysis of an embedded LoRA into the folder of analyses."""
    held = tuple(LoraFile(demo_lora_path(lora)).blocks)
    run_analysis(plan(study, Bench(family("sd1"), held), random.Random(0)), drawer or Bars(), root / name)
    return root / name
