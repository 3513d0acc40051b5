"""Forge: after a change of weights, only the layers concerned are merged anew.

Forge itself restores and merges every patched layer when the list of LoRAs differs in any way. What is merged into a
layer depends on that layer's own entries alone, so a layer whose entries did not change is already right.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from lib_lbw.hosts.forge.host import Merge
from lib_lbw.hosts.forge.layers import MERGEABLE, plain_place
from lib_lbw.hosts.forge.same import same_entries

_Entries: TypeAlias = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Merged:
    """What is in the weights: the host's name for it, and the entries of every patched key."""

    name: str
    entries: _Entries


class IncrementalRefresh:
    """Stands in for `LoraLoader.refresh`."""

    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._merged: weakref.WeakKeyDictionary[Any, _Merged] = weakref.WeakKeyDictionary()

    def __call__(
        self,
        original: Callable[..., Any],
        loader: Any,
        lora_patches: Any,
        offload_device: Any = torch.device("cpu"),  # noqa: B008 - the host's own default
        force_refresh: bool = False,
    ) -> Any:
        """Bring the model's weights to `lora_patches`: layer by layer where that is possible, else as the host does.

        What was merged before our time is merged anew: its name may stand for a former self of a file.
        """
        wanted = _Merged(str(list(lora_patches)), _by_key(lora_patches))
        known = self._merged.get(loader)
        if wanted.name == loader.loaded_hash:
            if not force_refresh and (known is not None or not wanted.entries):
                return None
            force_refresh = True
        self._merged.pop(loader, None)
        online = loader.online_backup or any(name[3] for name in lora_patches)
        if online or force_refresh or known is None or known.name != loader.loaded_hash:
            result = original(loader, lora_patches, offload_device, force_refresh)
        elif self._update(loader, known.entries, wanted.entries, offload_device):
            loader.loaded_hash, result = wanted.name, None
        else:
            result = original(loader, lora_patches, offload_device, force_refresh=True)
        self._merged[loader] = wanted
        return result

    def _update(self, loader: Any, now: _Entries, wanted: _Entries, offload_device: Any) -> bool:
        """Merge the changed layers; False if one of them is not for us, or the memory ran out.

        At every moment `loader.backup` holds the own weight of each layer that is patched, so that the host can take
        over in the middle.
        """
        changed = [key for key in {**now, **wanted} if not same_entries(now.get(key), wanted.get(key))]
        places = {key: plain_place(loader.model, key, MERGEABLE) for key in changed}
        try:
            with torch.inference_mode():
                for key, place in places.items():
                    if place is None:
                        return False
                    device = place.parameter.device
                    own = loader.backup.get(key, place.parameter)
                    if key in wanted:
                        weight = self._weight(wanted[key], own, key, device)
                        loader.backup[key] = own.to(device=offload_device)
                        place.set(weight)
                    else:
                        place.set(own.to(device))
                        loader.backup.pop(key, None)
        except RuntimeError:  # out of memory: the host knows how to make room
            return False
        return True

    def _weight(self, entries: Sequence[Any], own: torch.Tensor, key: str, device: torch.device) -> torch.Tensor:
        weight = own.detach().to(device=device, dtype=torch.float32, copy=True)
        return self._merge(None, entries, weight, key).to(own.dtype)


def _by_key(lora_patches: Mapping[Any, Mapping[str, Sequence[Any]]]) -> dict[str, tuple[Any, ...]]:
    """Return the entries of every key, in the order of the LoRAs, safe from later changes of the lists."""
    entries: dict[str, tuple[Any, ...]] = {}
    for body in lora_patches.values():
        for key, added in body.items():
            entries[key] = (*entries.get(key, ()), *(tuple(entry) for entry in added))
    return entries
