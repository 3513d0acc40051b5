"""Real LoRA files for the little model, of every algorithm."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.hosts_forge.little_model import ENCODER, NORM, UNET

ALGORITHMS = ("lora", "dora", "loha", "lokr", "glora", "full")


def file_name(path: str) -> str:
    if path.startswith("clip_l"):
        return "lora_te_" + path.removeprefix("clip_l.transformer.").replace(".", "_")
    return "lora_unet_" + path.replace(".", "_")


def write(folder: Path, algorithm: str) -> None:
    """A LoRA file of one algorithm for every linear layer, with a norm."""
    torch.manual_seed(ALGORITHMS.index(algorithm))
    made = {}
    for path, (rows, columns) in {**UNET, **ENCODER}.items():
        for role, tensor in tensors(algorithm, rows, columns).items():
            made[f"{file_name(path)}.{role}"] = tensor
    made[f"{file_name(NORM)}.w_norm"] = torch.randn(4) * 0.1
    save_file({key: tensor.contiguous() for key, tensor in made.items()}, folder / f"{algorithm}.safetensors")


def tensors(algorithm: str, rows: int, columns: int) -> dict[str, torch.Tensor]:
    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape) * 0.3

    match algorithm:
        case "lora":
            return {
                "lora_up.weight": random(rows, 2),
                "lora_down.weight": random(2, columns),
                "alpha": torch.tensor(1.0),
            }
        case "dora":
            return {**tensors("lora", rows, columns), "dora_scale": random(rows, 1).abs() + 0.5}
        case "loha":
            pairs = {"hada_w1": 0, "hada_w2": 1}
            return {
                f"{name}_{side}": random(rows, 2) if side == "a" else random(2, columns)
                for name in pairs
                for side in "ab"
            }
        case "lokr":
            return {"lokr_w1": random(1, 1), "lokr_w2": random(rows, columns)}
        case "glora":
            return {
                "a1.weight": random(2, columns).T,
                "a2.weight": random(columns, 2).T,
                "b1.weight": random(2, rows).T,
                "b2.weight": random(columns, 2).T,
            }
        case _:
            return {"diff": random(rows, columns)}
