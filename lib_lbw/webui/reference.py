"""Presets of the extension we take the place of: read once from the folders beside ours, never touched."""

from collections.abc import Iterable
from pathlib import Path

from lib_lbw.store.presets import PresetStore
from lib_lbw.store.reference import import_reference

_FILES = ("lbwpresets.txt", "elempresets.txt")


def preset_folders(extensions: Iterable[Path], own: Path) -> tuple[Path, ...]:
    """Return the folders with preset files of extensions called `*lora-block-weight*`, and of our own folder.

    Ours counts: whoever installs this over the other one finds the old files there.
    """
    named = [folder for folder in extensions if "lora-block-weight" in folder.name.lower().replace("_", "-")]
    places = dict.fromkeys((folder / "scripts").resolve() for folder in (*named, own))
    return tuple(place for place in places if any((place / name).is_file() for name in _FILES))


def take_over(store: PresetStore, folders: Iterable[Path]) -> tuple[str, ...]:
    """Add what the store lacks and return the names. Raises StoreError when it cannot be saved."""
    return tuple(name for folder in folders for name in import_reference(store, folder))
