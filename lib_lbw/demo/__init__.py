"""The embedded demo model: a small text-to-image model with the blocks of SD1.5, and its LoRAs.

It lets every feature be tried and tested in seconds without a download. No torch is imported here.
"""

from __future__ import annotations

from pathlib import Path

_ASSETS = Path(__file__).resolve().parent / "assets"
_LORA_NAMES = ("karaokeroom", "inkstyle", "headsize", "goldhair", "bighead", "smallhead")


def demo_path() -> Path:
    """The folder of the model's files."""
    return _ASSETS


def demo_lora_names() -> tuple[str, ...]:
    """The names of the LoRAs that belong to the model."""
    return _LORA_NAMES


def demo_lora_path(name: str) -> Path:
    """The file of one of `demo_lora_names()`; raises KeyError for another name."""
    if name not in _LORA_NAMES:
        raise KeyError(name)
    return _ASSETS / "loras" / f"{name}.safetensors"
