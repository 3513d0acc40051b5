"""The entries of an activation, handed out by name."""

from collections.abc import Sequence

from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.weights.notice import Notice


def not_loaded() -> Notice:
    """Return what to tell when an activation is over and the host has not asked for its tags."""
    return Notice.of("the WebUI did not load the LoRAs of this prompt; its console says why")


class Queue:
    """Entries in the order of their tags. Hosts leave out tags of missing files and append some of their own."""

    def __init__(self, entries: Sequence[tuple[str, Entry | None]]) -> None:
        self._waiting = list(entries)

    @property
    def has_tags(self) -> bool:
        """Whether a tag has not been taken yet."""
        return bool(self._waiting)

    @property
    def has_entries(self) -> bool:
        """Whether a tag with an entry has not been taken yet."""
        return any(entry is not None for _, entry in self._waiting)

    def take(self, name: str) -> Entry | None:
        """Return the entry of the next tag of that name; None for a plain tag, and for one that is not ours."""
        for index, (waiting, entry) in enumerate(self._waiting):
            if waiting == name:
                del self._waiting[index]
                return entry
        return None
