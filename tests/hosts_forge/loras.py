"""LoRA "files" for the little model, and what they must make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lib_lbw.blocks.family import family
from lib_lbw.hosts.forge.keys import place_of
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import parse_directive
from lib_lbw.weights.resolve import resolve
from tests.hosts_forge.little_model import ENCODER, NORM, UNET, delta

SD1 = family("sd1")
SHAPES = {f"diffusion_model.{path}.weight": shape for path, shape in UNET.items()} | {
    f"{path}.weight": shape for path, shape in ENCODER.items()
}
FUSED = "diffusion_model.middle_block.1.proj_in.weight"


def entry(name: str, items: str) -> Entry:
    """What `<lora:NAME:...:ITEMS>` resolves to."""
    directive: Directive = parse_directive(f"<lora:{name}:1:{items}>")
    return Entry(name, resolve(directive, SD1), SD1)


def lora(seed: int, *, encoder: bool = True, kind: str = "lora") -> dict[Any, Any]:
    """Patches for every Linear weight, one bias and the norm."""
    made: dict[Any, Any] = {}
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.3

    for key, (rows, columns) in SHAPES.items():
        if not encoder and key.startswith("clip_l"):
            continue
        if kind == "loha":
            made[key] = ("loha", (random(rows, 2), random(2, columns), random(rows, 2), random(2, columns)))
        else:
            made[key] = ("lora", (random(rows, 2), random(2, columns), 1.0))
    made["diffusion_model.time_embed.0.bias"] = ("diff", (random(4),))
    made[f"diffusion_model.{NORM}.weight"] = ("diff", (random(4),))
    return made


def oracle(
    base: Mapping[str, torch.Tensor], terms: Sequence[tuple[dict[Any, Any], float, float, Entry | None]]
) -> dict[str, torch.Tensor]:
    """base + sum of strength x ratio x delta over terms (content, te, unet, entry), in float64."""
    made = {key: weight.double() for key, weight in base.items()}
    for content, te, unet, tag in terms:
        for name, payload in content.items():
            key, offset = (name, None) if isinstance(name, str) else name
            place = place_of(key)
            strength = te if place.is_text_encoder else unet
            change = delta(payload)
            assert change is not None
            target = made[key] if offset is None else made[key].narrow(*offset)
            target += strength * (1.0 if tag is None else tag.ratio(place)) * change
    return made


def same_bits(left: Mapping[str, torch.Tensor], right: Mapping[str, torch.Tensor]) -> bool:
    """Whether every tensor has the same bits, the signs of zeros included."""
    return left.keys() == right.keys() and all(
        torch.equal(left[key].flatten().view(torch.uint8), right[key].flatten().view(torch.uint8)) for key in left
    )
