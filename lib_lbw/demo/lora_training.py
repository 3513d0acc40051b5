"""Training of the demo LoRAs: a place, a style, a slider made by subtraction, golden hair."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from lib_lbw.demo.base_training import LossLog
from lib_lbw.demo.lora_files import lora_bytes, write_lora
from lib_lbw.demo.lora_modules import (
    Branch,
    LohaBranch,
    LoraBranch,
    attached,
    lora_targets,
)
from lib_lbw.demo.objective import denoising_loss, descend
from lib_lbw.demo.pictures import PicturePool
from lib_lbw.demo.vocabulary import lora_caption

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class LoraPlan:
    """One LoRA: its pictures (`fixed` scene fields), its form and how long it trains."""

    name: str
    fixed: dict[str, str]
    rank: int
    alpha: float
    algorithm: str = "lora"
    convolutions: bool = False
    text: bool = False
    conv_rank: int = 4
    unsaid: tuple[str, ...] = ()
    steps: int = 400
    batch: int = 8
    pictures: int = 400
    rate: float = 2e-3
    seed: int = 0
    network_args: dict[str, str] = field(default_factory=dict)

    @property
    def network_module(self) -> str:
        """The trainer's module that writes such files."""
        plain = self.algorithm == "lora" and not self.convolutions
        return "networks.lora" if plain else "lycoris.kohya"


KARAOKE = LoraPlan("karaokeroom", {"background": "karaoke", "hair_colour": "teal"}, rank=8, alpha=4, text=True)
INK = LoraPlan(
    "inkstyle",
    {"style": "ink"},
    rank=4,
    alpha=4,
    convolutions=True,
    network_args={"algo": "locon", "conv_dim": "4", "conv_alpha": "4"},
)
GOLD = LoraPlan(
    "goldhair", {"hair_colour": "gold"}, rank=2, alpha=2, algorithm="loha",
    network_args={"algo": "loha"},
)  # fmt: skip
# The two ends of the slider see the same scenes, noise and captions; only the heads differ.
SMALL = LoraPlan("smallhead", {"head": "small"}, rank=3, alpha=3, unsaid=("head",))
BIG = LoraPlan("bighead", {"head": "big"}, rank=3, alpha=3, unsaid=("head",))


def make_branches(plan: LoraPlan, targets: dict[str, torch.nn.Linear | torch.nn.Conv2d]) -> dict[str, Branch]:
    """Fresh branches for every target; their delta is zero."""
    generator = torch.Generator().manual_seed(plan.seed)
    kind = LohaBranch if plan.algorithm == "loha" else LoraBranch
    branches: dict[str, Branch] = {}
    for name, layer in targets.items():
        kernel = layer.weight.ndim == 4 and layer.weight.shape[2] > 1
        rank = plan.conv_rank if kernel else plan.rank
        branches[name] = kind(layer, rank, plan.alpha, generator)
    return branches


def train_branches(
    pipeline: StableDiffusionPipeline, plan: LoraPlan, log: Path | None = None
) -> tuple[Tensors, dict[str, int]]:
    """Train one LoRA; returns its tensors by file name and how often each phrase was said."""
    targets = lora_targets(pipeline, plan.convolutions, plan.text)
    branches = make_branches(plan, targets)
    parameters = [p for branch in branches.values() for p in branch.parameters()]
    optimizer = torch.optim.AdamW(parameters, plan.rate, betas=(0.9, 0.99), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, total_steps=plan.steps, pct_start=0.1)
    pool = PicturePool(plan.pictures, plan.seed + 1, fixed=plan.fixed)
    rng, generator = np.random.default_rng(plan.seed), torch.Generator().manual_seed(plan.seed)
    tags: Counter[str] = Counter()
    losses = LossLog(log, every=20) if log is not None else None
    with attached(targets, branches):
        for step in range(plan.steps):
            pixels, scenes = pool.batch(plan.batch, rng)
            captions = [lora_caption(scene, rng, plan.unsaid) for scene in scenes]
            tags.update(phrase for text in captions for phrase in text.split(", ") if phrase)
            loss = denoising_loss(pipeline, pixels, captions, generator)
            descend(optimizer, parameters, loss)
            schedule.step()
            if losses is not None:
                losses.add(step + 1, loss.item())
    named = {
        f"{name}.{suffix}": tensor for name, branch in branches.items() for suffix, tensor in branch.tensors().items()
    }
    return named, dict(tags.most_common())


def subtract(first: Tensors, second: Tensors) -> Tensors:
    """`first` minus `second`, exactly: their factors side by side, the second's `up` negated.

    Both must be plain LoRAs of the same layers with alpha equal to the rank.
    """
    result: Tensors = {}
    for key in first:
        name, _, suffix = key.partition(".")
        if suffix == "lora_down.weight":
            result[key] = torch.cat([first[key], second[key]], dim=0)
            result[f"{name}.alpha"] = torch.tensor(float(len(result[key])))
        elif suffix == "lora_up.weight":
            result[key] = torch.cat([first[key], -second[key]], dim=1)
    return result


PLANS = {
    "karaokeroom": (KARAOKE,),
    "inkstyle": (INK,),
    "goldhair": (GOLD,),
    "headsize": (BIG, SMALL),
}


def train_lora(
    pipeline: StableDiffusionPipeline,
    name: str,
    folder: Path,
    seed: int = 0,
    steps: int | None = None,
) -> Path:
    """Train the LoRA called `name` and write it and its loss to `folder`.

    Two plans make a slider, the first minus the second; both ends are written too. `steps` overrides the plans' own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pipeline.unet.to(memory_format=torch.channels_last)
    results = []
    for number, plan in enumerate(PLANS[name]):
        changed = replace(plan, seed=seed, steps=steps or plan.steps)
        log = folder / f"{name}_loss{number or ''}.csv"
        results.append(train_branches(pipeline, changed, log))
        write_plan(folder / f"{plan.name}.safetensors", plan, *results[-1])
    if len(results) == 2:
        (first, tags), (second, _) = results
        slider = replace(plan, name=name, rank=2 * plan.rank, alpha=2 * plan.rank)
        write_plan(folder / f"{name}.safetensors", slider, subtract(first, second), tags)
    return folder / f"{name}.safetensors"


TAGS = 12


def write_plan(file: Path, plan: LoraPlan, tensors: Tensors, tags: dict[str, int]) -> None:
    """Write the tensors of a plan as a LoRA file, with its commonest tags: what is embedded must stay small."""
    said = dict(sorted(tags.items(), key=lambda item: -item[1])[:TAGS])
    write_lora(
        file, lora_bytes(tensors, plan.name, plan.network_module, plan.rank, plan.alpha, said, plan.network_args)
    )
