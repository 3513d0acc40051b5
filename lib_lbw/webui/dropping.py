"""A host that loads another checkpoint in the middle of a picture may drop the LoRAs of its prompt, plain tags too.

A1111 computes the empty prompt for a model that it has made anew, and for that activates a prompt without LoRAs. Where
the picture goes on after that, as with the refiner, nothing brings them back.
"""

from typing import Any

from lib_lbw.weights.notice import Notice

DROPPED = (
    "the WebUI dropped all LoRAs when it loaded another checkpoint in the middle of the picture, plain tags too; let "
    "it keep two loaded (Maximum number of checkpoints loaded at the same time)"
)


class Dropping:
    """Notices that LoRAs were dropped: a job that is no picture was activated, and then the picture went on."""

    def __init__(self) -> None:
        self._acting = False
        self._dropped = False

    def activated(self, job: Any, with_tags: bool) -> None:
        """Take note of an activation."""
        if getattr(job, "all_prompts", None):
            self._acting, self._dropped = with_tags, False
        elif self._acting and not with_tags:
            self._acting, self._dropped = False, True

    def on_step(self) -> Notice | None:
        """Return, once, what to tell of a picture that goes on without its LoRAs."""
        dropped, self._dropped = self._dropped, False
        return Notice(DROPPED) if dropped else None
