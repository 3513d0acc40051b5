"""What this extension's own code takes of a picture in a WebUI, counted there, function by function.

Not run from here: put this file into `extensions/own-time/scripts/` of a WebUI that has the extension, start it with
`--api`, and draw pictures through its API. Each prints a line on the WebUI's console:

    own time of LoRA Block Weight: 4.1 ms of 2630 ms, 9000 calls; most: apply 3.2 ms, at_step 0.4 ms

Counted is processor time of the thread that draws. Our functions count themselves, and whatever they call of others
except the WebUI's own functions that they stand before. Counting makes Python slower, our many small calls more than
the mathematics of the model: what is printed is more than what is taken without it. Two WebUIs side by side
(`webui_switch.py`) differ by several per cent from one start to the next, which hides a cost of this size.
"""

import cProfile
import functools
import pstats
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

Place: TypeAlias = tuple[str, int, str]
"""File, line and name of a function, as `pstats` has them."""

_SCRIPT = "lora_block_weight.py"


def is_ours(place: Place) -> bool:
    """Tell whether a function is of this extension."""
    path = Path(place[0])
    return "lib_lbw" in path.parts or path.name == _SCRIPT


def own_times(stats: Mapping[Place, Any], host: Path) -> dict[Place, float]:
    """Return the seconds of each of our functions, with what it calls of libraries but not of the WebUI in `host`."""
    taken = {place: found[2] for place, found in stats.items() if is_ours(place)}
    for place, (*_, callers) in stats.items():
        if is_ours(place) or _is_host(place, host):
            continue
        for caller, (*_, cumulative) in callers.items():
            if is_ours(caller):
                taken[caller] = taken.get(caller, 0.0) + cumulative
    return taken


def _is_host(place: Place, host: Path) -> bool:
    path = Path(place[0])
    return path.is_relative_to(host) and "site-packages" not in path.parts


def line(stats: Mapping[Place, Any], host: Path) -> str:
    """Return what is printed after a picture."""
    taken = own_times(stats, host)
    whole = sum(found[2] for found in stats.values())
    calls = sum(stats[place][1] for place in taken)
    most = sorted(taken.items(), key=lambda pair: -pair[1])[:4]
    named = ", ".join(f"{place[2]} {1000 * seconds:.2f} ms" for place, seconds in most)
    own = 1000 * sum(taken.values())
    return f"own time of LoRA Block Weight: {own:.2f} ms of {1000 * whole:.0f} ms, {calls} calls; most: {named}"


def watch(processing: Any, host: Path) -> None:
    """Let every picture be counted that comes through `processing.process_images`, in the WebUI in `host`."""
    original = processing.process_images

    @functools.wraps(original)
    def counted(*args: Any, **kwargs: Any) -> Any:
        profile = cProfile.Profile(time.thread_time)
        try:
            return profile.runcall(original, *args, **kwargs)
        finally:
            print(line(pstats.Stats(profile).stats, host), flush=True)  # type: ignore[attr-defined]

    processing.process_images = counted


if __name__ != "__main__":
    try:
        from modules import processing  # type: ignore[import-not-found]
    except ImportError:
        pass  # imported outside of a WebUI
    else:
        watch(processing, Path(processing.__file__).resolve().parents[1])
