"""Writing LoRA files as the kohya trainers do: names, alpha and metadata."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save

BASE_MODEL = "lbw_demo_v1"


def payload_hash(data: bytes) -> str:
    """SHA-256 of what follows the header of a safetensors file: the same for any metadata."""
    header = int.from_bytes(data[:8], "little")
    return hashlib.sha256(data[8 + header :]).hexdigest()


def lora_bytes(
    tensors: dict[str, torch.Tensor],
    name: str,
    module: str,
    rank: int,
    alpha: float,
    tags: dict[str, int],
    arguments: dict[str, str] | None = None,
    base: str = BASE_MODEL,
) -> bytes:
    """A LoRA file in half precision; `module` is the trainer's network, `tags` counts phrases, `base` its model."""
    half = {key: value.half().contiguous() for key, value in tensors.items()}
    metadata = {
        "format": "pt",
        "ss_output_name": name,
        "ss_base_model_version": base,
        "ss_network_module": module,
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(alpha),
        "ss_tag_frequency": json.dumps({"drawn": tags}),
        "sshs_model_hash": payload_hash(save(half)),
    }
    if arguments:
        metadata["ss_network_args"] = json.dumps(arguments)
    return save(half, metadata)


def write_lora(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(path)
