"""The parts that a single-file checkpoint must hold beside its U-Net."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from lib_lbw.errors import CheckpointError

_VAE = ("VAE", "first_stage_model.")
_PARTS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "sd1": (("CLIP", "cond_stage_model."), _VAE),
        "sd2": (("OpenCLIP", "cond_stage_model."), _VAE),
        "sdxl": (("CLIP", "conditioner.embedders.0."), ("OpenCLIP", "conditioner.embedders.1."), _VAE),
    }
)
"""Family id -> (part, beginning of the names of its tensors)."""


def check_parts(path: Path, family: str, names: Iterable[str]) -> None:
    """Raise CheckpointError when the tensor `names` of the file `path` leave out a text encoder or the autoencoder."""
    held = tuple(names)
    lacking = [part for part, prefix in _PARTS[family] if not any(name.startswith(prefix) for name in held)]
    if lacking:
        raise CheckpointError(
            "{path} is only a part of a checkpoint: it holds no {parts}. Take the full file of this model, with text "
            "encoder and VAE inside, or its diffusers folder.",
            path=path,
            parts=" and no ".join(lacking),
        )
