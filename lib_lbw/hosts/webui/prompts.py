"""The LoRA tags of a picture's prompt, and of the other prompts of its batch."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib_lbw.hosts.webui.tags import TAGS, Tag, split_items


def tags_of(data: Mapping[str, Sequence[Any]] | None) -> tuple[list[Tag], list[Tag]]:
    """Return the LoRA tags in the order the host takes them, and those of a kind that this host does not know.

    `data` are the extra networks of a prompt. The host takes them by kind, in the order of the kinds in the prompt.
    """
    from modules import extra_networks

    registered = {**extra_networks.extra_network_registry, **extra_networks.extra_network_aliases}
    tags: list[Tag] = []
    unknown: list[Tag] = []
    for kind, items in (data or {}).items():
        if kind.lower() in TAGS:  # <LORA:...> is dropped by the host without a word
            known = kind in TAGS and kind in registered
            (tags if known else unknown).extend(split_items(tag.items, kind) for tag in items)
    return tags, unknown


def loses_tags(p: Any) -> bool:
    """Tell whether prompts of the batch that is drawn now have other tags than its first, and weights are among them.

    All hosts read the tags of the first prompt only, and draw the whole batch with them. Prompts differ where a list
    of them was sent, or where an extension such as Dynamic Prompts writes one for each picture.
    """
    return any(_differ(_batch(p, name)) for name in ("all_prompts", "all_hr_prompts"))


def _batch(p: Any, name: str) -> list[str]:
    number, size = int(getattr(p, "iteration", 0) or 0), int(getattr(p, "batch_size", 1) or 1)
    return list(getattr(p, name, None) or ())[number * size : (number + 1) * size]


def _differ(prompts: Sequence[str]) -> bool:
    from modules import extra_networks

    if len(set(prompts)) < 2:  # the usual case: nothing has to be read
        return False
    read = [tags_of(extra_networks.parse_prompt(prompt)[1])[0] for prompt in prompts]
    if len({tuple(sorted(tag.text for tag in tags)) for tags in read}) < 2:
        return False
    return any(tag.directive or tag.error for tags in read for tag in tags)
