"""Names of LoRAs in the host: their files, and the tags they come from."""

from collections.abc import Sequence
from typing import Any

from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.listed import filename_of


def missing(networks: Any, names: Sequence[str]) -> frozenset[str]:
    """Return the names the host has no file for, after it has looked into its folders once more.

    One such name makes most hosts of the family drop every LoRA of the prompt.
    """
    look_for = getattr(networks, "update_available_networks_by_names", lambda names: None)
    unknown = sorted({name for name in names if filename_of(networks, name) is None})
    for look in (look_for, lambda names: networks.list_available_networks()):
        if unknown:
            look(unknown)
            unknown = [name for name in unknown if filename_of(networks, name) is None]
    return frozenset(unknown)


def pair(
    names: Sequence[str],
    te: Sequence[float],
    unet: Sequence[float],
    pending: Sequence[tuple[str, Entry | None]],
) -> list[Entry | None]:
    """Return the entry of each name the host is to load, from the tags that were announced, in order.

    A host may append a LoRA of its settings (no tag: None), and newer Classic leaves out tags whose multipliers are
    both 0. Where fewer are loaded than were announced, the multipliers tell which.
    """
    queues: dict[str, list[Entry | None]] = {}
    for name, entry in pending:
        queues.setdefault(name, []).append(entry)
    left = {name: list(names).count(name) for name in queues}
    paired: list[Entry | None] = []
    for name, *multipliers in zip(names, te, unet, strict=True):
        queue = queues.get(name, [])
        entry = queue.pop(_position(queue, left.get(name, 0), multipliers)) if queue else None
        left[name] = left.get(name, 0) - 1
        paired.append(entry)
    return paired


def _position(queue: Sequence[Entry | None], to_come: int, multipliers: Sequence[float]) -> int:
    """Return which of the announced entries is meant: the first, unless some are left out and another one fits."""
    if len(queue) <= to_come:
        return 0
    for position, entry in enumerate(queue):
        if entry is not None and [entry.weights.te, entry.weights.unet] == multipliers:
            return position
    return 0
