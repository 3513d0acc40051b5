"""Copies of the host's LoRA objects that multiply with our ratios; all tensors are shared."""

from collections import defaultdict
from collections.abc import Callable
from copy import copy
from typing import Any

from lib_lbw.blocks.family import OTHER
from lib_lbw.blocks.module import ModuleId
from lib_lbw.hosts.a1111.host import Network, NetworkModule, layer_of
from lib_lbw.hosts.a1111.names import module_id
from lib_lbw.hosts.webui.entry import Entry

_ORIGIN = "_lbw_origin"
_RATIO = "_lbw_ratio"


def view(network: Network, entry: Entry | None) -> Network:
    """Return a copy of `network` for one tag, every module times the entry's ratio for it; without one, times 1.

    A layer none of whose modules has a ratio is left out, so that nothing at all is added to it.
    """
    made = copy(network)
    setattr(made, _ORIGIN, origin(network))
    made.modules = {}
    for key, module in origin(network).modules.items():
        made.modules[key] = _scaled(module, made, 1.0 if entry is None else entry.ratio(place_of(module)))
    used = {layer_of(key, made.modules) for key, module in made.modules.items() if ratio_of(module) != 0.0}
    made.modules = {key: module for key, module in made.modules.items() if layer_of(key, made.modules) in used}
    return made


def origin(network: Network) -> Network:
    """Return the host's own object behind a view, or the object itself."""
    found: Network = getattr(network, _ORIGIN, network)
    return found


def ratio_of(module: NetworkModule) -> float:
    """Return the ratio of a module; 1 for the host's own."""
    return float(getattr(module, _RATIO, 1.0))


def place_of(module: NetworkModule) -> ModuleId:
    """Return our name of a module; one whose name we cannot read lies outside every block."""
    return module_id(module.network_key, module.sd_key) or ModuleId("unet", f"{OTHER}.{module.sd_key}")


def unread(network: Network) -> int:
    """Return how many modules have names we cannot read."""
    return sum(module_id(module.network_key, module.sd_key) is None for module in network.modules.values())


def is_text_encoder(module: NetworkModule) -> bool:
    """Tell whether a module belongs to a text encoder."""
    return place_of(module).is_text_encoder


def te_ratios(network: Network) -> list[tuple[str, float]]:
    """Return the ratios other than 1 of the text encoders' modules, layers left out among them as 0."""
    ratios: dict[str, float] = defaultdict(float)
    ratios.update((key, ratio_of(module)) for key, module in network.modules.items())
    own = origin(network).modules.items()
    return sorted((key, ratios[key]) for key, module in own if ratios[key] != 1.0 and is_text_encoder(module))


def _scaled(module: NetworkModule, network: Network, ratio: float) -> NetworkModule:
    made = copy(module)
    made.network = network
    if ratio != 1.0:
        setattr(made, _RATIO, ratio)
        made.multiplier = _times(made, ratio)  # type: ignore[method-assign]
    return made


def _times(module: Any, ratio: float) -> Callable[[], float]:
    """Return a `multiplier` for one object: the host's own, asked each time since others change it, times `ratio`."""
    return lambda: float(type(module).multiplier(module) * ratio)
