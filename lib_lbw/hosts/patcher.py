"""The layers of a model under recipes: changed where recipes change, restored to the bit."""

from collections.abc import Callable, Sequence

import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.recipes import Recipe, Recipes, by_module, changed, groups
from lib_lbw.hosts.grouped import GroupedForward
from lib_lbw.hosts.patched import DeltaSource, PatchedLayer


class Patcher:
    """Gives the layers of a model the weights of recipes, per sample of a batch if they differ."""

    def __init__(self, find: Callable[[ModuleId], torch.nn.Module | None], delta: DeltaSource) -> None:
        """`find` tells the layer of a module, None where the model has none; such modules are passed over."""
        self._find = find
        self._delta = delta
        self._layers: dict[ModuleId, PatchedLayer] = {}
        self._grouped: dict[ModuleId, GroupedForward] = {}
        self._now: dict[ModuleId, tuple[Recipe, ...]] = {}

    def change(self, samples: Sequence[Recipes]) -> int:
        """Give every layer the weights of the samples' recipes; one entry serves a batch of any size.

        Only layers whose recipes are not those of the previous call are touched. Returns their number. If a delta
        cannot be had, everything is restored before the error goes on.
        """
        new = by_module(samples)
        touched = [(m, layer) for m in changed(self._now, new) if (layer := self._layer(m)) is not None]
        try:
            for module, layer in touched:
                self._set(module, layer, new.get(module, ((),)))
        except BaseException:
            self.restore()
            raise
        self._now = new
        return len(touched)

    def restore(self) -> None:
        """Give every touched layer its own weights and forward back, and forget them all."""
        for module in list(self._grouped):
            self._grouped.pop(module).remove()
        for layer in self._layers.values():
            layer.restore()
        self._layers.clear()
        self._now = {}

    def _layer(self, module: ModuleId) -> PatchedLayer | None:
        """Return the patched layer of `module`, taking it under care on first use."""
        if module not in self._layers and (layer := self._find(module)) is not None:
            self._layers[module] = PatchedLayer(module, layer, self._delta)
        return self._layers.get(module)

    def _set(self, module: ModuleId, layer: PatchedLayer, samples: tuple[Recipe, ...]) -> None:
        """Give one layer its recipes: one for all samples, or one for each."""
        if module in self._grouped:
            self._grouped.pop(module).remove()
        parts = groups(samples)
        layer.prepare(part.recipe for part in parts)
        layer.show(parts[0].recipe)
        if len(parts) > 1:
            grouped = self._grouped[module] = GroupedForward(layer, parts)
            grouped.install()
