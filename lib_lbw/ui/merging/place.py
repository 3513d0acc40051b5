"""Where a home keeps what is merged: its LoRAs, its checkpoints, and who is to know of a new file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from lib_lbw.errors import CheckpointError
from lib_lbw.ui.door.desk import Desk

Checkpoints = Callable[[], Mapping[str, Path]]
"""Returns the checkpoints of the home, name -> file, as they are now."""


def no_checkpoints() -> Mapping[str, Path]:
    """Return none."""
    return {}


def tell_nobody(path: Path) -> None:
    """Let a new file be found by whoever looks."""


def names_once(files: Mapping[str, Path]) -> list[str]:
    """Return one name for each file: its stem where that is one of its names, for a WebUI knows aliases too."""
    names: dict[Path, str] = {}
    for name, path in files.items():
        if path not in names or name == path.stem:
            names[path] = name
    return list(names.values())


@dataclass(frozen=True)
class Place:
    """The desk with its LoRAs and presets, the folders that results go to, and `made`, called with each new LoRA.

    `checkpoint_folder` None: the home has no checkpoints, and nothing is built into one.
    """

    desk: Desk
    folder: Path
    checkpoints: Checkpoints = no_checkpoints
    checkpoint_folder: Path | None = None
    made: Callable[[Path], None] = tell_nobody

    def checkpoint(self, name: str) -> Path:
        """Return the file of a checkpoint. Raises CheckpointError, naming the nearest, for one that is not there."""
        known = self.checkpoints()
        if name in known:
            return known[name]
        nearest = next(iter(get_close_matches(name, known, 1)), None)
        if nearest is None:
            raise CheckpointError("there is no checkpoint called {name!r}", name=name)
        raise CheckpointError(
            "there is no checkpoint called {name!r}; did you mean {nearest}?", name=name, nearest=nearest
        )
