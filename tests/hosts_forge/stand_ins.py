"""The hosts in small: the functions of `networks` that the adapter relies on, on a real little model."""

from __future__ import annotations

import copy
import functools
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from lib_lbw.hosts.forge.host import Host
from tests.hosts_forge.little_model import Adapted, TextEncoder, Unet, merge
from tests.hosts_forge.little_patchers import PATCHERS, ForgeLoader


class Clip:
    def __init__(self, patcher: Any, model: torch.nn.Module) -> None:
        self.patcher = patcher
        self.cond_stage_model = model

    def clone(self) -> Clip:
        return Clip(self.patcher.clone(), self.cond_stage_model)

    def add_patches(self, *args: Any, **options: Any) -> Any:
        return self.patcher.add_patches(*args, **options)


class Objects(SimpleNamespace):
    def shallow_copy(self) -> Objects:
        return Objects(unet=self.unet, clip=self.clip)


class World:
    """One running host: its modules, one model, and a folder of LoRA files."""

    def __init__(self, kind: str, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.kind = kind
        self.folder = folder
        self.contents: dict[str, dict[Any, Any]] = {}
        self.merged: list[str] = []
        self.reads: list[str] = []
        self.errors: list[Exception] = []
        self.sd = self.model(dtype)
        self.networks = self._networks()
        self.shared = SimpleNamespace(**({"cached_lora_hash": []} if kind == "persistent" else {}))
        self.host = Host(
            networks=self.networks,
            sd_models=SimpleNamespace(model_data=SimpleNamespace(get_sd_model=lambda: self.sd)),
            shared=self.shared,
            merge=self.merge,
            loader=ForgeLoader if kind == "forge" else None,
            patcher=PATCHERS[kind] if kind in ("reforge", "neo") else None,
        )

    def merge(self, patcher: Any, entries: Any, weight: torch.Tensor, key: str) -> torch.Tensor:
        """The host's arithmetic, counted unless it happens in a forward."""
        if patcher is None:
            self.merged.append(key)
        return merge(patcher, entries, weight, key)

    def model(self, dtype: torch.dtype) -> Any:
        unet, encoder = Unet(dtype), TextEncoder(dtype)
        make = PATCHERS[self.kind]
        objects = Objects(unet=make(unet, self), clip=Clip(make(encoder, self), encoder))
        return Engine(objects)

    def save(self, name: str, content: dict[Any, Any]) -> None:
        """Write a LoRA "file": parameter key or (key, offset) -> payload."""
        self.contents[name] = content
        (self.folder / f"{name}.safetensors").write_text(f"{len(self.contents)} {uuid.uuid4()}")

    def activate(self, adapter: Any, *tags: tuple[Any, ...]) -> None:
        """What the gate and the host do with tags (name, te, unet, entry); te and unet may be texts, as in prompts.

        The host keeps an error to itself, and goes on as if there were no tags.
        """
        adapter.begin([(name, entry) for name, _, _, entry in tags])
        try:
            self.load(*((name, float(te), float(unet)) for name, te, unet, _ in tags))
        except Exception as error:  # noqa: BLE001 - as the host does
            self.errors.append(error)
            self.load()
        finally:
            adapter.end()

    def load(self, *tags: tuple[Any, ...]) -> None:
        names, te, unet = ([tag[column] for tag in tags] for column in range(3))
        self.networks.load_networks(names, te, unet, [None] * len(tags))

    def weights(self, *, anew: bool = False) -> dict[str, torch.Tensor]:
        """Bring the model up to date as a generation does, and return what is in it.

        `anew`: let the host restore and merge everything.
        """
        objects = self.sd.forge_objects_after_applying_lora
        self.merged.clear()
        objects.clip.patcher.bring_in(anew)
        objects.unet.bring_in(anew)
        found = {**objects.unet.model.state_dict(), **objects.clip.cond_stage_model.state_dict()}
        return {key: weight.clone() for key, weight in found.items()}

    def picture(self) -> torch.Tensor:
        """One call of the U-Net."""
        unet = self.sd.forge_objects_after_applying_lora.unet
        unet.bring_in()
        dtype = unet.model.storage_dtype
        with torch.inference_mode():
            return unet.model(torch.linspace(-1, 1, 12).reshape(3, 4).to(dtype)).clone()

    def _networks(self) -> Any:
        networks = SimpleNamespace(__name__="networks", loaded_networks=[], forbidden_network_aliases={})
        networks.available_networks, networks.available_network_aliases = {}, {}
        networks.load_lora_state_dict = functools.lru_cache(maxsize=5)(self._read)
        for name in ("list_available_networks", "load_lora_for_models", "load_networks"):
            setattr(networks, name, _function(getattr(self, f"_{name}")))
        return networks

    def _list_available_networks(self) -> None:
        files = {path.stem: SimpleNamespace(filename=str(path)) for path in self.folder.glob("*.safetensors")}
        self.networks.available_networks = dict(files)
        self.networks.available_network_aliases = dict(files)

    def _read(self, filename: str) -> Any:
        self.reads.append(filename)
        if "broken" in self.contents[Path(filename).stem]:
            raise ValueError("header too large")
        return self.contents[Path(filename).stem]

    def _load_lora_for_models(
        self, model: Any, clip: Any, lora: Any, strength_model: float, strength_clip: float, filename: str
    ) -> tuple[Any, Any]:
        if self.kind == "neo" and "nunchaku" in lora:
            return model, clip
        if "unfit" in lora:
            raise RuntimeError("shape mismatch")
        rebuilt = {name: self._payload(payload) for name, payload in lora.items()}
        extra = {"filename": filename} if self.kind in ("forge", "neo") else {}
        for_unet = {name: payload for name, payload in rebuilt.items() if "diffusion_model" in str(name)}
        for_clip = {name: payload for name, payload in rebuilt.items() if name not in for_unet}
        if for_unet:
            model = model.clone()
            model.add_patches(patches=for_unet, strength_patch=strength_model, **extra)
        if for_clip:
            clip = clip.clone()
            clip.add_patches(patches=for_clip, strength_patch=strength_clip, **extra)
        return model, clip

    def _load_networks(self, names: Any, te_multipliers: Any, unet_multipliers: Any, dyn_dims: Any = None) -> None:
        """As in Forge, reForge and Classic: a missing file ends in an error, and what was is left applied."""
        sd, networks = self.sd, self.networks
        on_disk = [networks.available_network_aliases.get(name) for name in names]
        if any(found is None for found in on_disk):
            networks.list_available_networks()
            on_disk = [networks.available_network_aliases.get(name) for name in names]
        targets = [[f.filename, u, t] for f, u, t in zip(on_disk, unet_multipliers, te_multipliers, strict=False)]
        if self._already_applied(targets):
            return
        sd.forge_objects.unet = sd.forge_objects_original.unet
        sd.forge_objects.clip = sd.forge_objects_original.clip
        for filename, unet, te in targets:
            lora = networks.load_lora_state_dict(filename)
            sd.forge_objects.unet, sd.forge_objects.clip = networks.load_lora_for_models(
                sd.forge_objects.unet, sd.forge_objects.clip, lora, unet, te, filename=filename
            )
        sd.forge_objects_after_applying_lora = sd.forge_objects.shallow_copy()

    def _already_applied(self, targets: Any) -> bool:
        """Compare with the note of the last time, and write the new one."""
        if self.kind == "persistent":
            same, self.shared.cached_lora_hash = self.shared.cached_lora_hash == targets, targets
        else:
            same, self.sd.current_lora_hash = self.sd.current_lora_hash == str(targets), str(targets)
        return bool(same)

    def _payload(self, payload: Any) -> Any:
        """Hosts build their payloads anew at each loading, around the same tensors."""
        if self.kind in ("reforge", "neo") and payload[0] == "lora":
            return Adapted(tuple(payload[1]))
        return copy.copy(payload)


class Engine:
    """The loaded checkpoint; hosts keep weak references to it, so it is a class of its own."""

    def __init__(self, objects: Objects) -> None:
        self.current_lora_hash = str([])
        self.forge_objects = objects
        self.forge_objects_original = objects.shallow_copy()
        self.forge_objects_after_applying_lora = objects.shallow_copy()


def _function(method: Any) -> Any:
    """A function of the module `networks`, as the adapter would find it there."""

    def function(*args: Any, **options: Any) -> Any:
        return method(*args, **options)

    function.__module__ = "networks"
    return function
