"""The one door through which the analysis gets its pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

OnImage = Callable[[int, Image.Image, str], None]
"""Takes (index into the requests, picture, infotext); pictures may come in any order."""

OnStep = Callable[[int, int], None]
"""Takes (sampling steps done, steps in all), counted over all pictures of the call, 0 < done <= all."""


@dataclass(frozen=True)
class Request:
    """One picture to draw: the prompt as a user would type it, tags included, and the seed."""

    prompt: str
    seed: int


class Generator(Protocol):
    """Whatever draws: a diffusers session, a WebUI, or a test's arithmetic."""

    def generate_many(
        self,
        requests: Sequence[Request],
        on_image: OnImage,
        on_step: OnStep,
        should_stop: Callable[[], bool],
    ) -> None:
        """Draw every request, handing each finished picture to `on_image`; several may be at work at once.

        `should_stop()` is asked at least once for each picture; once it is true the call returns early, and what was
        handed over stays valid. Exceptions end the call; pictures handed over before stay valid too.
        """
        ...
