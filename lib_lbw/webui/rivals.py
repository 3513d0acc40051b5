"""Another LoRA Block Weight beside this one: both read `lbw=`, and one of the two has to stand down."""

from collections.abc import Iterable
from pathlib import Path

STEM = "lora_block_weight"

STAND_DOWN = (
    "Another LoRA Block Weight is installed, in {folder}: this one stands down, so that weights are not applied twice. "
    "Disable one of the two on the Extensions tab."
)


def rivals(files: Iterable[Path], own: Path) -> tuple[Path, ...]:
    """Return the extension folders of scripts of our name that are not in `own`, our folder."""
    home = own.resolve()
    found = (file.parent.parent for file in files if file.stem == STEM)
    return tuple(dict.fromkeys(folder for folder in found if folder.resolve() != home))
