"""The embedded model as a session. Importing this loads torch and diffusers."""

from lib_lbw.demo.opening import open_embedded
from lib_lbw.hosts.session import Session


def embedded_session() -> Session:
    """Load the embedded model with its LoRAs, on the best device there is."""
    return Session(open_embedded())
