"""What the host's list of LoRAs says."""

from typing import Any


def filename_of(networks: Any, name: str) -> str | None:
    """Return the file the host takes for `name`, None if it knows none. `networks` is the host's module."""
    forbidden = name.lower() in networks.forbidden_network_aliases
    table = networks.available_networks if forbidden else networks.available_network_aliases
    found = table.get(name)
    return None if found is None else str(found.filename)
