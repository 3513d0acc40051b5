"""The embedded model as a session. Importing this loads torch and diffusers."""

from lib_lbw.demo.opening import open_embedded
from lib_lbw.hosts.session import Session
from lib_lbw.store.presets import PresetStore


def embedded_session(store: PresetStore) -> Session:
    """Load the embedded model with its LoRAs, on the best device there is, and with the presets of `store`."""
    return Session(open_embedded(), store.presets, store.elements)
