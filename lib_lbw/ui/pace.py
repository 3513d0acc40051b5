"""How long pictures take here: learnt from the pictures drawn, told before the next ones."""

import threading

from lib_lbw.hosts.base import Picture
from lib_lbw.ui.i18n import Translate, say


class Pace:
    """Seconds for a step of one pixel, from the latest job; None before the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: float | None = None

    def learn(self, seconds: float, picture: Picture, pictures: float) -> None:
        """Note that `pictures` (or a part of one) like `picture` took this long."""
        if pictures > 0:
            with self._lock:
                self._seconds = seconds / (_work(picture) * pictures)

    def expect(self, picture: Picture, pictures: int) -> float | None:
        """Return the seconds that so many such pictures will take; None when nothing was drawn yet."""
        with self._lock:
            return None if self._seconds is None else self._seconds * _work(picture) * pictures


def _work(picture: Picture) -> float:
    guided = 2 if picture.cfg_scale > 1 else 1
    return float(picture.steps * picture.width * picture.height * guided)


def duration(seconds: float, translate: Translate) -> str:
    """Return a length of time as people say it: "8 s", "2 min 30 s", "1 h 5 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return say(translate, "{seconds} s", seconds=whole)
    if whole < 3600:
        return say(translate, "{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
    return say(translate, "{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60)
