"""reForge and Neo: after a change of weights, only the layers concerned are patched anew.

There a patcher carries an id of its patches, and a model the id of what is in it; when they differ, everything is
taken out and put in again. All clones of a patcher share one `backup` of own weights, so the few layers that differ
can be exchanged by hand before the host compares the ids.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch

from lib_lbw.hosts.forge.layers import MERGEABLE, plain_place
from lib_lbw.hosts.forge.same import same_entries
from lib_lbw.hosts.forge.stores import online


@dataclass(frozen=True)
class _Loaded:
    """What is in the weights of a model: the id of the patches, the patches, and the shared backup."""

    id: Any
    patches: Mapping[str, Sequence[Any]]
    wrappers: Mapping[str, Sequence[Any]]
    backup: Any


class IncrementalReload:
    """Stands in for `ModelPatcher.partially_load`."""

    def __init__(self) -> None:
        self._loaded: weakref.WeakKeyDictionary[Any, _Loaded] = weakref.WeakKeyDictionary()

    def __call__(self, original: Callable[..., Any], patcher: Any, *args: Any, **kwargs: Any) -> Any:
        """Exchange the layers that differ if that is possible, then let the host do the rest."""
        model = patcher.model
        known = self._loaded.pop(model, None)
        if known is not None and not _forced(args, kwargs) and _exchangeable(known, patcher):
            self._exchange(known, patcher)
        result = original(patcher, *args, **kwargs)
        if model.current_weight_patches_uuid == patcher.patches_uuid:
            patches = {key: tuple(entries) for key, entries in patcher.patches.items()}
            wrappers = {key: tuple(functions) for key, functions in patcher.weight_wrapper_patches.items()}
            self._loaded[model] = _Loaded(patcher.patches_uuid, patches, wrappers, patcher.backup)
        return result

    def _exchange(self, known: _Loaded, patcher: Any) -> None:
        """Give the changed layers their new weights and tell the host that all is done.

        At every moment the backup holds the own weight of each layer that is patched; so when a layer is not for us,
        or the memory runs out, the host finds the old id and does the whole.
        """
        changed = [
            key
            for key in {**known.patches, **patcher.patches}
            if not same_entries(known.patches.get(key), patcher.patches.get(key))
        ]
        places = {key: plain_place(patcher.model, key, MERGEABLE) for key in changed}
        if None in places.values():
            return
        try:
            with torch.inference_mode():
                for key, place in places.items():
                    _exchange_one(patcher, key, place)
        except RuntimeError:  # out of memory
            return
        patcher.model.current_weight_patches_uuid = patcher.patches_uuid


def _exchange_one(patcher: Any, key: str, place: Any) -> None:
    device = place.parameter.device
    saved = patcher.backup.get(key)
    if saved is not None:
        if saved.inplace_update:
            place.parameter.data.copy_(saved.weight)
        else:
            place.set(saved.weight.to(device))
        del patcher.backup[key]
    if hasattr(patcher, "unpin_weight"):
        patcher.unpin_weight(key)
    if key in patcher.patches:
        patcher.patch_weight_to_device(key, device_to=device)


def _forced(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Read the third parameter of `partially_load(device_to, extra_memory, force_patch_weights)`."""
    return bool(kwargs.get("force_patch_weights", len(args) > 2 and args[2]))


def _exchangeable(known: _Loaded, patcher: Any) -> bool:
    """Tell whether the weights are what we think, and all merged: nothing offloaded, nothing merged in the forward."""
    model = patcher.model
    return (
        model.current_weight_patches_uuid == known.id != patcher.patches_uuid
        and patcher.backup is known.backup
        and not model.model_lowvram
        and model.model_loaded_weight_memory > 0
        and not getattr(patcher, "hook_patches", None)
        and not getattr(patcher, "current_hooks", None)
        and {key: tuple(functions) for key, functions in patcher.weight_wrapper_patches.items()} == known.wrappers
        and not any(map(online, chain(*known.patches.values(), *patcher.patches.values())))
    )
