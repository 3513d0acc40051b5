"""LoRAs that act in some steps only: their entries are kept out of the weights and added during the forward.

While the window is open, a layer's parameter is exchanged for `own + entries` for the length of its forward: computed
as the host would merge it, so every algorithm works, for weights, biases and norms alike, and a window over all steps
gives what merging gives. While it is closed the layer is as it is without the LoRA. A step changes one flag.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from lib_lbw.hosts.forge.layers import Place
from lib_lbw.weights.schedule import Schedule


@dataclass(eq=False)
class Window:
    """A schedule and whether it is open. It is until the first step says otherwise."""

    schedule: Schedule
    open: bool = True
    _followers: list[tuple[list[Any], float]] = field(default_factory=list)

    def follow(self, entry: list[Any]) -> None:
        """Let the strength of a host's entry (its element 0) be 0 while the window is closed."""
        self._followers.append((entry, entry[0]))

    def step(self, step: int, steps: int) -> None:
        """Open or close for `step` (from 0) of `steps`."""
        self.open = self.schedule.active(step, steps)
        for entry, strength in self._followers:
            entry[0] = strength if self.open else 0.0


@dataclass(frozen=True, eq=False)
class Part:
    """One entry that acts on one parameter while its window is open.

    `merge(entries, weight)` returns the weight (float32, may be overwritten) with the entries added.
    """

    window: Window
    entry: Sequence[Any]
    merge: Callable[[Sequence[Any], torch.Tensor], torch.Tensor]


class Schedules:
    """All scheduled entries of the LoRAs that are applied now.

    They belong to the layers and go with them: a model that its host lets go of is free before the next one is loaded.
    """

    def __init__(self) -> None:
        self._layers: weakref.WeakKeyDictionary[torch.nn.Module, weakref.ref[_ScheduledLayer]] = (
            weakref.WeakKeyDictionary()
        )
        self._windows: list[Window] = []

    def window(self, schedule: Schedule) -> Window:
        """Return a new window that follows the steps."""
        made = Window(schedule)
        self._windows.append(made)
        return made

    def add(self, place: Place, part: Part) -> None:
        """Let `part` act on the parameter at `place`, after the parts that were added before it."""
        known = self._layers.get(place.layer)
        layer = known() if known else None
        if layer is None:
            layer = _ScheduledLayer(place.layer)
            self._layers[place.layer] = weakref.ref(layer)
        layer.add(place.name, part)

    def step(self, step: int, steps: int) -> None:
        """Open and close the windows for `step` (from 0) of `steps`."""
        for window in self._windows:
            window.step(step, steps)

    def clear(self) -> None:
        """Take everything off the layers."""
        for known in self._layers.values():
            if layer := known():
                layer.remove()
        self._layers.clear()
        self._windows.clear()

    def __len__(self) -> int:
        return len(self._layers)


class _ScheduledLayer:
    """Exchanges the parameters of one layer around its forward; the layer's hooks alone keep it alive."""

    def __init__(self, layer: torch.nn.Module) -> None:
        self._parts: dict[str, list[Part]] = {}
        self._own: dict[str, torch.nn.Parameter | None] = {}
        self._handles = (
            layer.register_forward_pre_hook(self._enter, with_kwargs=True),
            layer.register_forward_hook(self._leave, always_call=True),
        )

    def add(self, name: str, part: Part) -> None:
        self._parts.setdefault(name, []).append(part)

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _enter(self, layer: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Put the merged parameters in; on the device of the input, where the host moves its weights too."""
        for name, parts in self._parts.items():
            entries = [part.entry for part in parts if part.window.open]
            own = layer._parameters.get(name)
            if not entries or own is None:
                continue
            like = next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)), own)
            weight = own.detach().to(device=like.device, dtype=torch.float32, copy=True)
            merged = parts[0].merge(entries, weight).to(own.dtype)
            self._own[name] = own
            layer._parameters[name] = torch.nn.Parameter(merged, requires_grad=False)

    def _leave(self, layer: torch.nn.Module, args: Any, output: Any) -> None:
        layer._parameters.update(self._own)
        self._own.clear()
