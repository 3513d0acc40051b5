"""The parts of a Forge-like WebUI that are wrapped or called, found by what they can do."""

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from lib_lbw.errors import HostError

Merge: TypeAlias = Callable[[Any, Sequence[Any], torch.Tensor, str], torch.Tensor]
"""(patcher, entries, weight in float32, key) -> the weight with the entries added; `weight` may be overwritten."""


@dataclass(frozen=True)
class Host:
    """`networks`, `sd_models` and `shared` are the host's modules of these names.

    `merge` is the host's own arithmetic. `loader` is the class whose `refresh` brings a model's weights up to date
    (Forge), `patcher` the class whose `partially_load` does (reForge, Neo); a host has one of them, or none (Classic).
    """

    networks: Any
    sd_models: Any
    shared: Any
    merge: Merge
    loader: Any = None
    patcher: Any = None


def find_host() -> Host:
    """Return the running host. Raises HostError in a program that is none of the family."""
    try:
        networks = importlib.import_module("networks")
        sd_models = importlib.import_module("modules.sd_models")
        shared = importlib.import_module("modules.shared")
    except ImportError as error:
        raise HostError("this program's LoRA extension cannot be found: {error}", error=error) from error
    if not hasattr(networks, "load_lora_for_models"):
        raise HostError("this WebUI does not load LoRAs the way Forge does")
    patcher = _attribute("backend.patcher.base", "ModelPatcher") or _attribute(
        "ldm_patched.modules.model_patcher", "ModelPatcher"
    )
    return Host(
        networks=networks,
        sd_models=sd_models,
        shared=shared,
        merge=_merge(),
        loader=_attribute("backend.patcher.lora", "LoraLoader"),
        patcher=patcher if hasattr(patcher, "partially_load") else None,
    )


def _attribute(module: str, name: str) -> Any:
    """Return an attribute of a module that the host has loaded, or None."""
    return getattr(sys.modules.get(module), name, None)


def _merge() -> Merge:
    """Return the function that adds patches to a weight; in Classic it is a method of the patcher."""
    function = _attribute("backend.patcher.lora", "merge_lora_to_weight") or _attribute(
        "ldm_patched.modules.lora", "calculate_weight"
    )
    if function is None:
        return lambda patcher, entries, weight, key: patcher.calculate_weight(entries, weight, key)
    return lambda patcher, entries, weight, key: function(list(entries), weight, key)
