"""Where a module of a LoRA lives in a diffusers pipeline."""

from collections.abc import Iterator
from typing import Any

import torch

from lib_lbw.blocks.module import ModuleId

COMPONENTS = {
    "unet": "unet",
    "transformer": "transformer",
    "te1": "text_encoder",
    "te2": "text_encoder_2",
    "te3": "text_encoder_3",
}
"""Component of a module id -> attribute of the pipeline."""


class Layers:
    """The layers of a pipeline, found by module id."""

    def __init__(self, pipeline: Any) -> None:
        """Index the named modules of every component that `pipeline` has."""
        self._components = {
            component: dict(root.named_modules())
            for component, attribute in COMPONENTS.items()
            if isinstance(root := getattr(pipeline, attribute, None), torch.nn.Module)
        }

    def find(self, module: ModuleId) -> torch.nn.Module | None:
        """Return the layer, or None when the model has none of that name or the name is no layer with a weight.

        Newer text encoder classes dropped the `text_model.` level that LoRA files name; both are found.
        """
        names = self._components.get(module.component, {})
        layer = names.get(module.path) or names.get(module.path.removeprefix("text_model."))
        return layer if isinstance(getattr(layer, "weight", None), torch.nn.Parameter) else None

    def __iter__(self) -> Iterator[ModuleId]:
        """Iterate over the ids of all layers with a weight."""
        for component, names in self._components.items():
            for path, layer in names.items():
                if isinstance(getattr(layer, "weight", None), torch.nn.Parameter):
                    yield ModuleId(component, path)
