"""Tags whose multipliers run with the steps: other extensions read them, or nobody does."""

from collections.abc import Iterable, Sequence

from lib_lbw.hosts.webui.tags import Tag, runs
from lib_lbw.weights.notice import Notice

UNREAD = "{tag}: only another extension can read multipliers that run with the steps, and none here did"
BRACKETS = (
    "{tag}: LoRA Control reads multipliers in brackets only in a tag that holds nothing else; use start= and stop= here"
)
OVERWRITTEN = "{tag}: LoRA Control sets all blocks of this LoRA to one strength, also those of its tag with weights"


def keyframe_notices(tags: Sequence[Tag], loaded: bool) -> Iterable[Notice]:
    """Return what to tell of such tags; `loaded` says whether the host has loaded the LoRAs of the prompt."""
    weighed = {tag.name for tag in tags if tag.directive is not None}
    for tag in tags:
        if not runs(tag):
            continue
        in_brackets = any(item.rstrip().endswith("]") for item in tag.host_items[1:])
        if in_brackets and tag.directive is not None:
            yield Notice.of(BRACKETS, tag=tag.text)
        elif not loaded:
            yield Notice.of(UNREAD, tag=tag.text)
        elif in_brackets and tag.name in weighed:
            yield Notice.of(OVERWRITTEN, tag=tag.text)
