"""The kinds of patchers in small, with the behaviour that the adapter relies on. All count what they merge."""

from __future__ import annotations

import uuid
from collections import namedtuple
from typing import Any

import torch

from tests.hosts_forge.little_model import find, merge, put


class Patcher:
    """What the four have in common: clones share the model, and `add_patches` takes plain keys and (key, offset)."""

    def __init__(self, model: torch.nn.Module, world: Any) -> None:
        self.model = model
        self.world = world

    def merged(self, entries: Any, own: torch.Tensor, key: str) -> torch.Tensor:
        self.world.merged.append(key)
        return merge(self, entries, own.detach().to(torch.float32, copy=True), key).to(own.dtype)

    @staticmethod
    def split(name: Any) -> tuple[str, Any]:
        return (name, None) if isinstance(name, str) else name


class ForgePatcher(Patcher):
    """Patches by LoRA; the model's loader restores and merges everything when the list of LoRAs differs."""

    def __init__(self, model: torch.nn.Module, world: Any) -> None:
        super().__init__(model, world)
        self.lora_patches: dict[Any, Any] = {}
        if not hasattr(model, "lora_loader"):
            model.lora_loader = ForgeLoader(model, self)

    def clone(self) -> ForgePatcher:
        made = ForgePatcher(self.model, self.world)
        made.lora_patches = self.lora_patches.copy()
        return made

    def add_patches(self, *, filename: str, patches: Any, strength_patch: float, online_mode: bool = False) -> None:
        body: dict[str, Any] = {}
        for name, payload in patches.items():
            key, offset = self.split(name)
            body.setdefault(key, []).append([strength_patch, payload, 1.0, offset, None])
        self.lora_patches[(filename, strength_patch, 1.0, online_mode)] = body

    def bring_in(self, anew: bool = False) -> None:
        self.model.lora_loader.refresh(self.lora_patches, torch.device("cpu"), force_refresh=anew)


class ForgeLoader:
    def __init__(self, model: torch.nn.Module, patcher: ForgePatcher) -> None:
        self.model = model
        self.patcher = patcher
        self.backup: dict[str, Any] = {}
        self.online_backup: list[Any] = []
        self.loaded_hash = str([])

    @torch.inference_mode()
    def refresh(self, lora_patches: Any, offload_device: Any, force_refresh: bool = False) -> None:
        hashes = str(list(lora_patches))
        if hashes == self.loaded_hash and not force_refresh:
            return
        for layer in self.online_backup:
            del layer.forge_online_loras
        self.online_backup = []
        for key, weight in self.backup.items():
            put(self.model, key, weight)
        self.backup = {}
        entries: dict[Any, list[Any]] = {}
        for name, body in lora_patches.items():
            for key, added in body.items():
                entries[(key, name[3])] = entries.get((key, name[3]), []) + added
        for (key, online), added in entries.items():
            layer, name = find(self.model, key)
            if online:
                layer.forge_online_loras = {name: added}
                self.online_backup.append(layer)
                continue
            self.backup[key] = getattr(layer, name)
            put(self.model, key, self.patcher.merged(added, self.backup[key], key))
        self.loaded_hash = hashes


_Backup = namedtuple("_Backup", ["weight", "inplace_update"])


class ReForgePatcher(Patcher):
    """Patches by key, an id that changes with them, and a backup that all clones share."""

    entry_tail: tuple[Any, ...] = ()

    def __init__(self, model: torch.nn.Module, world: Any) -> None:
        super().__init__(model, world)
        self.patches: dict[str, Any] = {}
        self.backup: dict[str, Any] = {}
        self.weight_wrapper_patches: dict[str, Any] = {}
        self.patches_uuid = uuid.uuid4()

    def clone(self) -> ReForgePatcher:
        made = type(self)(self.model, self.world)
        made.patches = {key: entries[:] for key, entries in self.patches.items()}
        made.patches_uuid = self.patches_uuid
        made.weight_wrapper_patches = self.weight_wrapper_patches.copy()
        made.backup = self.backup
        return made

    def add_patches(self, patches: Any, strength_patch: float, filename: str = "", online_mode: bool = False) -> None:
        tail = (online_mode,) if self.entry_tail else ()
        for name, payload in patches.items():
            key, offset = self.split(name)
            entry = (strength_patch, payload, 1.0, offset, None, *tail)
            self.patches[key] = [*self.patches.get(key, []), entry]
        self.patches_uuid = uuid.uuid4()

    def patch_weight_to_device(self, key: str, device_to: Any = None) -> None:
        if key not in self.patches:
            return
        layer, name = find(self.model, key)
        own = getattr(layer, name)
        if key not in self.backup:
            self.backup[key] = _Backup(own, False)
        put(self.model, key, self.merged(self.patches[key], own, key))

    def partially_load(self, device_to: Any, extra_memory: float = 0, force_patch_weights: bool = False) -> int:
        model = self.model
        current = model.current_weight_patches_uuid
        if current is not None and (current != self.patches_uuid or force_patch_weights):
            for key, saved in self.backup.items():
                put(model, key, saved.weight)
            self.backup.clear()
            model.model_loaded_weight_memory = 0
            model.current_weight_patches_uuid = None
        if model.model_loaded_weight_memory > 0:
            return 0
        for key in self.patches:
            self.patch_weight_to_device(key)
        model.model_loaded_weight_memory = 1
        model.current_weight_patches_uuid = self.patches_uuid
        return 1

    def bring_in(self, anew: bool = False) -> None:
        self.partially_load(torch.device("cpu"), force_patch_weights=anew)


class NeoPatcher(ReForgePatcher):
    """As reForge; an entry tells in a sixth element whether it is merged in the forward."""

    entry_tail = (False,)


class ClassicPatcher(Patcher):
    """Patches by key, three elements each, no id: another patcher object means unpatching and patching everything."""

    def __init__(self, model: torch.nn.Module, world: Any) -> None:
        super().__init__(model, world)
        self.patches: dict[str, Any] = {}
        self.backup: dict[str, Any] = {}

    def clone(self) -> ClassicPatcher:
        made = ClassicPatcher(self.model, self.world)
        made.patches = {key: entries[:] for key, entries in self.patches.items()}
        return made

    def add_patches(self, patches: Any, strength_patch: float) -> None:
        for key, payload in patches.items():
            self.patches[key] = [*self.patches.get(key, []), (strength_patch, payload, 1.0)]

    def calculate_weight(self, entries: Any, weight: torch.Tensor, key: str) -> torch.Tensor:
        return merge(self, entries, weight, key)

    def bring_in(self, anew: bool = False) -> None:
        loaded = self.model.__dict__.get("loaded_patcher")
        if loaded is self:
            return
        if loaded is not None:
            for key, weight in loaded.backup.items():
                put(self.model, key, weight)
            loaded.backup = {}
        for key, entries in self.patches.items():
            layer, name = find(self.model, key)
            self.backup[key] = getattr(layer, name)
            put(self.model, key, self.merged(entries, self.backup[key], key))
        self.model.__dict__["loaded_patcher"] = self


class PersistentPatcher(ClassicPatcher):
    """Newer Classic with `--persistent-patches`: patches stay in the weights while the host's list is the same one."""

    def __init__(self, model: torch.nn.Module, world: Any) -> None:
        super().__init__(model, world)
        self.patch_status = Status()

    def clone(self) -> PersistentPatcher:
        made = PersistentPatcher(self.model, self.world)
        made.patches = {key: entries[:] for key, entries in self.patches.items()}
        made.backup, made.patch_status = self.backup, self.patch_status
        return made

    def add_patches(self, patches: Any, strength_patch: float) -> None:
        super().add_patches(patches, strength_patch)
        self.patch_status.fresh = True

    def bring_in(self, anew: bool = False) -> None:
        status, wanted = self.patch_status, self.world.shared.cached_lora_hash
        if anew or status.l_cache != wanted:
            for key, weight in self.backup.items():
                put(self.model, key, weight)
            self.backup.clear()
            status.l_cache = wanted
        if self.patches and (status.fresh or anew):
            for key, entries in self.patches.items():
                layer, name = find(self.model, key)
                own = getattr(layer, name)
                self.backup.setdefault(key, own)
                put(self.model, key, self.merged(entries, own, key))
            status.fresh, status.l_cache = False, wanted


class Status:
    """`fresh`: patches were added after the last time they went into the weights."""

    def __init__(self) -> None:
        self.fresh = False
        self.l_cache: Any = None


PATCHERS: dict[str, Any] = {
    "forge": ForgePatcher,
    "reforge": ReForgePatcher,
    "neo": NeoPatcher,
    "classic": ClassicPatcher,
    "persistent": PersistentPatcher,
}
