"""One LoRA going into the host's patchers with the weights of its tag."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from lib_lbw.hosts.forge.host import Merge
from lib_lbw.hosts.forge.keys import is_denoiser, module_of, place_of
from lib_lbw.hosts.forge.layers import plain_place
from lib_lbw.hosts.forge.loading import Found
from lib_lbw.hosts.forge.schedules import Part, Schedules, Window
from lib_lbw.hosts.forge.stores import Growth, Live, PatchEntry, live, replaces_weight, reweigh, scaled
from lib_lbw.weights.notice import Notice

UNREACHED = (
    "the block weights of {name} had no effect: this WebUI applies the file without patching layers (as with Nunchaku "
    "or Int8 models), or the file does not fit the model"
)
UNSCHEDULED = "{count} layers of {name} are quantised and cannot be scheduled: there the LoRA acts in every step"
UNNAMED = "{count} layers of {name} belong to no known block; they take the weight of OTHER (text encoders: BASE)"


@dataclass
class Weighing:
    """Applies the ratios of one tag to what its LoRA adds to the U-Net's and the text encoder's patchers."""

    found: Found
    keep_zeros: bool
    merge: Merge
    schedules: Schedules
    _unscheduled: set[str] = field(default_factory=set)
    _unnamed: set[str] = field(default_factory=set)
    _window: Window | None = None
    _added: int = 0

    def __call__(self, load: Callable[[], tuple[Any, Any]], model: Any, clip: Any) -> tuple[Any, Any]:
        """Let the host `load` the file onto (model, clip) and return the patchers it made, reweighed.

        A patcher to which nothing was added in the end is replaced by its parent: its weights are then the very same.
        """
        made_model, made_clip = load()
        schedule = self.found.entry and self.found.entry.schedule
        self._window = self.schedules.window(schedule) if schedule else None
        model_growth = self._reweigh(model, made_model)
        clip_growth = self._reweigh(_patcher(clip), _patcher(made_clip))
        self._added = model_growth.added + clip_growth.added
        return (
            model if _all_gone(model_growth) else made_model,
            clip if _all_gone(clip_growth) else made_clip,
        )

    def notices(self) -> list[Notice]:
        """Tell what could not be done."""
        name = self.found.name
        if self.found.entry is None:
            return []
        told = []
        if not self._added and (self.found.te or self.found.unet):
            told.append(Notice.of(UNREACHED, name=name))
        if self._unscheduled:
            told.append(Notice.of(UNSCHEDULED, name=name, count=len(self._unscheduled)))
        if self._unnamed:
            told.append(Notice.of(UNNAMED, name=name, count=len(self._unnamed)))
        return told

    def _reweigh(self, old: Any, new: Any) -> Growth:
        if new is None or new is old:
            return Growth()
        return reweigh(old, new, partial(self._change, new), self.found.mark)

    def _change(self, patcher: Any, key: str, entry: PatchEntry) -> PatchEntry | Live | None:
        if self.found.entry is None:
            return entry
        changed = scaled(entry, self.found.entry.ratio(place_of(key)))
        if module_of(key) is None:
            self._unnamed.add(key)
        if changed[0] == 0.0 and (not self.keep_zeros or replaces_weight(entry)):
            return None
        if self._window is not None and is_denoiser(key):
            return self._scheduled(self._window, patcher, key, changed)
        return changed

    def _scheduled(self, window: Window, patcher: Any, key: str, entry: PatchEntry) -> PatchEntry | Live | None:
        """Hand an entry over to the schedule; what cannot be is returned, and stays in the weights.

        Forge and Neo merge entries of quantised layers in the forward if told so, and read the strength each time.
        """
        place = plain_place(patcher.model, key)
        if place is not None:
            merge = partial(self._merged, patcher, key)
            self.schedules.add(place, Part(window, entry, merge))
            return None
        in_forward = live(entry)
        if in_forward is None:
            self._unscheduled.add(key)
            return entry
        window.follow(in_forward.entry)
        return in_forward

    def _merged(self, patcher: Any, key: str, entries: Sequence[Any], weight: torch.Tensor) -> torch.Tensor:
        return self.merge(patcher, entries, weight, key)


def _patcher(clip: Any) -> Any:
    """Return the patcher inside a text encoder object."""
    return getattr(clip, "patcher", clip)


def _all_gone(growth: Growth) -> bool:
    return growth.added > 0 and growth.kept == 0
