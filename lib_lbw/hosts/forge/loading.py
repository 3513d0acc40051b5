"""The LoRAs of one activation: what the host is about to load, and how it differs from what is applied."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lib_lbw.hosts.forge.found import pair
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.listed import filename_of


@dataclass(frozen=True)
class Found:
    """One LoRA the host will load: name, file, how often the file has changed, and what the tag says about blocks.

    `te` and `unet` are the host's multipliers.
    """

    name: str
    filename: str
    version: int
    te: float
    unet: float
    entry: Entry | None

    @property
    def mark(self) -> str:
        """What tells these patches from others of the same file and strengths; empty for a plain tag."""
        blocks = "" if self.entry is None else f"lbw:{self.entry.digest}"
        return blocks + (f"|v{self.version}" if self.version else "")


class Loading:
    """The LoRAs of one activation, handed out in the order the host loads them.

    `keep_zeros`: somebody else takes part in loading and may count on every entry being there. `ours`: some tag
    has block weights. `begun`: the host has loaded one.
    """

    def __init__(self, found: Sequence[Found], keep_zeros: bool) -> None:
        self.digest = digest([[each.filename, each.te, each.unet, each.mark] for each in found])
        self.te_digest = digest([[each.filename, each.version, _te(each.entry)] for each in found])
        self.filenames = frozenset(each.filename for each in found)
        self.keep_zeros = keep_zeros
        self.ours = any(each.entry is not None for each in found)
        self.begun = False
        self._waiting = list(found)

    def take(self, filename: str) -> Found | None:
        """Return the next LoRA of that file."""
        self.begun = True
        for index, each in enumerate(self._waiting):
            if each.filename == filename:
                return self._waiting.pop(index)
        return None


def find(
    networks: Any,
    names: Sequence[str],
    te: Sequence[float],
    unet: Sequence[float],
    pending: Sequence[tuple[str, Entry | None]],
    version: Callable[[str], int],
) -> list[Found]:
    """Return the LoRAs behind `names` that the host has files for. `version` counts the changes of a file."""
    found = []
    for name, te_multiplier, unet_multiplier, entry in zip(
        names, te, unet, pair(names, te, unet, pending), strict=True
    ):
        filename = filename_of(networks, name)
        if filename is not None:
            found.append(Found(name, filename, version(filename), te_multiplier, unet_multiplier, entry))
    return found


def digest(value: Any) -> str:
    """Return a short text that differs when `value`, made of JSON values, does."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _te(entry: Entry | None) -> str:
    return "" if entry is None else entry.te_digest
