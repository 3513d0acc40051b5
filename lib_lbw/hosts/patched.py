"""One layer with the weights of recipes, and the way back to its own.

The base tensors are never written. A patched layer points at a second tensor with `base + sum(scale x delta)`; going
back is pointing at the base again, so restoring is exact whatever happened in between, and nothing can drift.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.recipes import Recipe
from lib_lbw.hosts.parameters import Parameters, Term, merged
from lib_lbw.lora.delta import Delta

DeltaSource = Callable[[str, ModuleId, Parameters], Delta | None]
"""(LoRA file, module, the layer's own parameters) -> delta at strength 1 in float32 on the layer's device, shaped as
its parameters; None when the file's module does not fit the layer."""


class PatchedLayer:
    """One layer: its own parameters, those of the recipes in use, and which of them it shows now."""

    def __init__(self, module: ModuleId, layer: torch.nn.Module, delta: DeltaSource) -> None:
        """Take note of the base; nothing changes yet."""
        self.module = module
        self.layer = layer
        self._delta = delta
        self._base = Parameters.of(layer)
        self._made: dict[Recipe, Parameters] = {(): self._base}
        self._shown: Recipe = ()

    def prepare(self, wanted: Iterable[Recipe]) -> None:
        """Make the parameters of the `wanted` recipes; of the others keep one at most, for switching on and off."""
        self._follow()
        keep = {(), *wanted}
        stale = [recipe for recipe in self._made if recipe not in keep]
        for recipe in sorted(keep - self._made.keys()):
            self._made[recipe] = self._merge(recipe, self._made.pop(stale.pop()) if stale else None)
        spare = 1 if len(keep) == 1 else 0
        for recipe in stale[spare:]:
            del self._made[recipe]

    def show(self, recipe: Recipe) -> None:
        """Point the layer at the parameters of a prepared `recipe`."""
        self._point_at(self._made[recipe])
        self._shown = recipe

    @contextmanager
    def showing(self, recipe: Recipe) -> Iterator[None]:
        """Show a prepared `recipe` for the length of the block."""
        before = self._shown
        self.show(recipe)
        try:
            yield
        finally:
            self.show(before)

    def restore(self) -> None:
        """Point the layer at its own parameters again and let go of all others."""
        self._follow()
        self.show(())
        self._made = {(): self._base}

    def _point_at(self, parameters: Parameters) -> None:
        self.layer.weight.data = parameters.weight
        bias = self.layer._parameters.get("bias")
        if bias is not None and parameters.bias is not None:
            bias.data = parameters.bias
        elif bias is not None or parameters.bias is not None:
            made = None if parameters.bias is None else torch.nn.Parameter(parameters.bias, requires_grad=False)
            self.layer.register_parameter("bias", made)

    def _follow(self) -> None:
        """Follow a model that was moved to another device meanwhile (offloading): move the base, forget the rest."""
        now = Parameters.of(self.layer).weight
        if (now.device, now.dtype) != (self._base.weight.device, self._base.weight.dtype):
            self._base = self._base.to(now)
            self._made = {(): self._base}
            self._shown = ()

    def _merge(self, recipe: Recipe, buffer: Parameters | None) -> Parameters:
        """Compute the parameters of `recipe`, into the weight of `buffer` where that is not the base itself."""
        base = self._base
        deltas = [(scale, self._delta(lora, self.module, base)) for lora, scale in recipe]
        weights: list[Term] = [(s, d.weight) for s, d in deltas if d is not None and d.weight is not None]
        biases: list[Term] = [(s, d.bias) for s, d in deltas if d is not None and d.bias is not None]
        out = None if buffer is None or buffer.weight is base.weight else buffer.weight
        return Parameters(merged(base.weight, weights, out) if weights else base.weight, _merged_bias(base, biases))


def _merged_bias(base: Parameters, terms: Sequence[Term]) -> torch.Tensor | None:
    """Add the bias deltas; a layer without a bias gets one."""
    if not terms:
        return base.bias
    own = base.weight.new_zeros(base.weight.shape[0]) if base.bias is None else base.bias
    return merged(own, terms)
