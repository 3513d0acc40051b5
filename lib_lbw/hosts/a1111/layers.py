"""Tells the host which layers to merge anew when only ratios have changed, which it cannot see."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias
from weakref import WeakSet

from lib_lbw.hosts.a1111.host import Network, layer_of
from lib_lbw.hosts.a1111.views import ratio_of

Signature: TypeAlias = tuple[tuple[int, str, float, str, float], ...]
"""What is merged into a layer: (number of the tag, file, its time, module, ratio) for each tag that has the layer.

The multipliers of a tag are not in it: those the host compares itself.
"""

_SIGNATURE = "_lbw_signature"
_STALE = ("\0lbw",)
"""A list of merged LoRAs that is never the wanted one, so that the host takes them out and merges anew."""


class Layers:
    """The wanted signature of every layer, and which layers have which."""

    def __init__(self) -> None:
        self._wanted: dict[str, Signature] = {}
        self._merged: WeakSet[Any] = WeakSet()

    def want(self, networks: Iterable[Network]) -> None:
        """Let these be the networks to be merged from now on."""
        self._wanted = signatures(networks)

    def apply(self, original: Callable[..., Any], layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Stand in for `network_apply_weights`, which runs before every use of every layer."""
        state = layer.__dict__
        wanted = self._wanted.get(state.get("network_layer_name"))
        merged = state.get(_SIGNATURE)
        if merged is wanted:
            return original(layer, *args, **kwargs)
        if merged != wanted:
            mark_stale(layer)
            self._merged.add(layer)
        result = original(layer, *args, **kwargs)
        state[_SIGNATURE] = wanted
        return result

    def forget(self) -> None:
        """Take our marks off all layers; the host merges them anew when it uses them next."""
        for layer in self._merged:
            mark_stale(layer)
            layer.__dict__.pop(_SIGNATURE, None)
        self._merged.clear()
        self._wanted = {}


def signatures(networks: Iterable[Network]) -> dict[str, Signature]:
    """Return what is to be merged into each layer, by its name."""
    made: dict[str, list[tuple[int, str, float, str, float]]] = {}
    for number, network in enumerate(networks):
        file, time = file_of(network)
        for key, module in network.modules.items():
            made.setdefault(layer_of(key, network.modules), []).append((number, file, time, key, ratio_of(module)))
    return {name: tuple(merged) for name, merged in made.items()}


def file_of(network: Network) -> tuple[str, float]:
    """Return path and modification time (seconds) of the file a network was read from."""
    return str(network.network_on_disk.filename), float(network.mtime or 0.0)


def mark_stale(layer: Any) -> None:
    """Make the host merge a layer anew; one that nothing is merged into is left as it is."""
    if getattr(layer, "network_current_names", ()) != ():
        layer.network_current_names = _STALE
