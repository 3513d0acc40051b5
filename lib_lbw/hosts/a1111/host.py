"""The objects of the host, as far as we look at them."""

from typing import Any, Protocol


class NetworkModule(Protocol):
    """What one LoRA file does to one layer. `sd_module` is the layer, or the parent that holds it as one of several."""

    network: Any
    network_key: str
    sd_key: str
    sd_module: Any

    def multiplier(self) -> float:
        """Return what the whole delta, bias included, is multiplied with."""

    def calc_scale(self) -> float:
        """Return alpha / rank."""


class Network(Protocol):
    """One loaded LoRA file; `modules` goes by the name of the layer, `mtime` is that of the file when it was read."""

    name: str
    mentioned_name: str
    network_on_disk: Any
    mtime: float
    te_multiplier: float
    unet_multiplier: float
    dyn_dim: int | None
    modules: dict[str, NetworkModule]


def layer_of(key: str, modules: dict[str, NetworkModule]) -> str:
    """Return the name of the layer that module `key` is merged into.

    The q, k, v and out projections of an attention in one piece (nn.MultiheadAttention) are merged together, when that
    is used; its out projection is listed as a layer of its own, but never used as one.
    """
    parent = key.removesuffix("_out_proj")
    query = modules.get(f"{parent}_q_proj")
    if parent != key and query is not None and _name(query.sd_module, "") == parent:
        return parent
    return _name(modules[key].sd_module, key)


def _name(layer: Any, default: str) -> str:
    return str(getattr(layer, "network_layer_name", default))
