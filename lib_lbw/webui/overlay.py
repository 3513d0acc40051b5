"""What one job brings along: whether block weights act, and presets that count for this job alone."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lib_lbw.store.presets import PresetStore
from lib_lbw.weights.presets import ElementBook, PresetBook

_ATTRIBUTE = "lbw_overlay"


@dataclass(frozen=True)
class Overlay:
    """`presets` and `elements` are texts as in the preset files; their names come before those that are saved.

    A `fixed` overlay stays when the controls of the page say something else: an analysis needs its weights to act.
    """

    active: bool = True
    presets: str = ""
    elements: str = ""
    fixed: bool = False


@dataclass(frozen=True)
class Books:
    """The presets and the elemental presets that count for one job."""

    presets: PresetBook
    elements: ElementBook


def attach(job: Any, overlay: Overlay) -> None:
    """Let a job (the WebUI's processing object) carry an overlay, unless it carries a fixed one."""
    if not overlay_of(job).fixed:
        setattr(job, _ATTRIBUTE, overlay)


def has_overlay(job: Any) -> bool:
    """Tell whether a job carries an overlay; one that another extension made does not."""
    return isinstance(getattr(job, _ATTRIBUTE, None), Overlay)


def overlay_of(job: Any) -> Overlay:
    """Return the overlay of a job; one that carries none has the default."""
    found = getattr(job, _ATTRIBUTE, None)
    return found if isinstance(found, Overlay) else Overlay()


def books(store: PresetStore, overlay: Overlay) -> Books:
    """Return the shipped presets, the saved ones over them, and the overlay's over both. Raises StoreError."""
    return Books(
        store.presets().merged(_presets(overlay.presets)), store.elements().merged(_elements(overlay.elements))
    )


@lru_cache(maxsize=4)
def _presets(text: str) -> PresetBook:
    return PresetBook.parse(text)


@lru_cache(maxsize=4)
def _elements(text: str) -> ElementBook:
    return ElementBook.parse(text)
