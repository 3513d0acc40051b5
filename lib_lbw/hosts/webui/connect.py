"""Finds out which kind of WebUI this is, by what its LoRA extension can do: version numbers and names of forks lie."""

from lib_lbw.errors import HostError
from lib_lbw.hosts.webui.adapter import Adapter


def connect() -> Adapter:
    """Return the adapter for the WebUI we run in, not yet installed.

    Raises HostError when its LoRA extension is switched off, or is one that we do not know.
    """
    try:
        import networks
    except ImportError:
        raise HostError("this WebUI's own LoRA extension is switched off or missing; block weights need it") from None
    if hasattr(networks, "load_lora_for_models"):
        from lib_lbw.hosts.forge.adapter import ForgeAdapter

        return ForgeAdapter()
    if hasattr(networks, "load_networks") and hasattr(networks, "network_apply_weights"):
        from lib_lbw.hosts.a1111.adapter import A1111Adapter

        return A1111Adapter()
    raise HostError("this WebUI applies LoRAs in a way that we do not know; block weights have no effect here")
