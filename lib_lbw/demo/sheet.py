"""Sample sheets: what the model and each LoRA draw, as one picture to look at."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from lib_lbw.demo import demo_lora_names
from lib_lbw.demo.canvas import SIZE
from lib_lbw.demo.lora_modules import lora_applied

STEPS, GUIDANCE = 20, 3.0
ZOOM = 2  # the pictures are small; whole pixels stay crisp
PROMPTS = (
    "a girl, long red hair, blue dress, beach, flat style",
    "a boy, short black hair, green shirt, forest, outlined style",
    "a girl, pink twintails, purple coat, big head, street, soft style",
    "a girl, blond bun, red dress, crown, night, flat style",
    "a boy, short blue hair, yellow coat, cap, snow, flat style",
    "a girl, long white hair, black dress, small head, room, outlined style",
    "a girl, long green hair, white shirt, hat, beach, outlined style",
    "a boy, short brown hair, red coat, room, soft style",
    "a girl, black twintails, orange dress, forest, flat style",
    "a boy, short blond hair, blue shirt, crown, street, outlined style",
    "a girl, brown bun, green coat, snow, soft style",
    "a girl, long blue hair, yellow dress, big head, night, outlined style",
)


def draw_prompts(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int = STEPS,
    guidance: float = GUIDANCE,
) -> list[Image.Image]:
    """One picture for each prompt and its seed, drawn as one batch."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    images: list[Image.Image] = pipeline(
        list(prompts),
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
        negative_prompt=[""] * len(prompts),
    ).images
    return images


def contact_sheet(rows: Sequence[Sequence[Image.Image]], titles: Sequence[str] = ()) -> Image.Image:
    """Rows of pictures on white, a title above each column if given."""
    gap, head = 4, 16 if titles else 0
    side = SIZE * ZOOM
    cell = side + gap
    sheet = Image.new("RGB", (cell * len(rows[0]) + gap, cell * len(rows) + gap + head), "white")
    pen = ImageDraw.Draw(sheet)
    for i, title in enumerate(titles):
        pen.text((gap + cell * i, 3), title, fill=(40, 40, 40))
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            enlarged = image.resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (gap + cell * x, head + gap + cell * y))
    return sheet


def base_sheet(pipeline: StableDiffusionPipeline, columns: int = 6) -> Image.Image:
    """The prompts of `PROMPTS`, one picture each."""
    images = draw_prompts(pipeline, PROMPTS, range(len(PROMPTS)))
    return contact_sheet([images[i : i + columns] for i in range(0, len(images), columns)])


LORA_PROMPTS = {
    "karaokeroom": "a girl, long red hair, blue dress, neon karaoke room, flat style",
    "inkstyle": "a girl, long red hair, blue dress, street",
    "headsize": "a girl, long red hair, blue dress, beach, flat style",
    "goldhair": "a girl, long hair, blue dress, street, outlined style",
}
_WEIGHTS = {"headsize": (-1.0, 0.0, 1.0)}


def lora_sheet(pipeline: StableDiffusionPipeline, name: str, file: Path, seeds: int = 4) -> Image.Image:
    """A row for each seed: without and with the LoRA, the slider at -1, 0 and 1."""
    weights = _WEIGHTS.get(name, (0.0, 1.0))
    tensors = load_file(file)
    columns = []
    for weight in weights:
        with lora_applied(pipeline, tensors, weight):
            columns.append(draw_prompts(pipeline, [LORA_PROMPTS[name]] * seeds, range(seeds)))
    # Lying down: one row for each weight reads better on a page than one for each seed.
    return contact_sheet(columns)


def read_losses(log: Path) -> list[tuple[float, float]]:
    """(step, loss) of each line of a training log."""
    with log.open(encoding="utf-8") as file:
        return [(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]


def loss_chart(points: Sequence[tuple[float, float]], width: int = 640, height: int = 320) -> Image.Image:
    """The loss against the step; the loss axis is logarithmic by halves."""
    left, right, top, bottom = 52, width - 12, 26, height - 30
    chart = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(chart)
    last = points[-1][0]
    ceiling, floor = max(p[1] for p in points), min(p[1] for p in points)

    def place(step: float, loss: float) -> tuple[float, float]:
        share = (math.log2(ceiling) - math.log2(loss)) / max(math.log2(ceiling / floor), 1e-9)
        return left + (right - left) * step / last, top + (bottom - top) * share

    level = ceiling
    while level >= floor:
        y = place(0, level)[1]
        pen.line([(left, y), (right, y)], fill=(224, 224, 224))
        pen.text((6, y - 6), f"{level:.3f}", fill=(90, 90, 90))
        level /= 2
    for part in range(5):
        step = last * part / 4
        pen.text((place(step, ceiling)[0] - 14, bottom + 8), f"{step:.0f}", fill=(90, 90, 90))
    pen.text((left, 6), "training loss (mean of 50 steps) by step", fill=(40, 40, 40))
    pen.line([place(*point) for point in points], fill=(200, 60, 70), width=2)
    return chart


def write_sheets(pipeline: StableDiffusionPipeline, weights: Path, docs: Path) -> None:
    """All sheets and the loss chart of a training in `weights`, written to `docs`."""
    docs.mkdir(parents=True, exist_ok=True)
    base_sheet(pipeline).save(docs / "base_samples.png", optimize=True)
    for name in demo_lora_names():
        file = weights / "loras" / f"{name}.safetensors"
        lora_sheet(pipeline, name, file).save(docs / f"lora_{name}.png", optimize=True)
    log = weights / "loss.csv"
    (docs / "loss.csv").write_bytes(log.read_bytes())
    loss_chart(read_losses(log)).save(docs / "loss.png", optimize=True)
