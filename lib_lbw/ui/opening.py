"""What the page opens with."""

import time

from lib_lbw.hosts.session import Session
from lib_lbw.ui.workbench import Workbench

#: LoRA of the embedded model -> a prompt with it, weighed by blocks.
PROMPTS = {
    "inkstyle": "a girl, long red hair, blue dress, beach, flat style <lora:inkstyle:1:lbw=ALL,IN00-MID@0.5>",
}
_SMALL = 256 * 256


def first_prompt(session: Session) -> str:
    """Return the prompt to begin with: one for a LoRA of the embedded model, else the first LoRA there is, else ""."""
    known = [prompt for name, prompt in PROMPTS.items() if name in session.host.loras]
    names = sorted(session.host.loras)
    return known[0] if known else f"<lora:{names[0]}:1:lbw=ALL>" if names else ""


def warm_up(bench: Workbench) -> None:
    """Draw a picture where that takes a second or so, so that the first time told is already a measured one."""
    picture = bench.session.settings
    if picture.width * picture.height > _SMALL:
        return
    begun = time.monotonic()
    bench.session.generate("", picture)
    bench.pace.learn(time.monotonic() - begun, picture, 1)
