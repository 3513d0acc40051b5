"""Lets the host's prompt cache tell what of a LoRA's weights the prompt's encoding depends on.

The host compares the whole text of the tags. So a preset that was changed would go unseen, and a weight of the U-Net,
which no encoding depends on, would encode both prompts again.
"""

from typing import Any

from lib_lbw.hosts.webui.adapter import Adapter
from lib_lbw.hosts.webui.tags import host_part
from lib_lbw.hosts.webui.wrapping import Patches


def share_te_weights(patches: Patches, processing: Any, adapter: Adapter) -> None:
    """Wrap `cached_params` of the class `processing`: without our items, with the adapter's text-encoder digest."""

    def cached_params(
        original: Any, p: Any, required_prompts: Any, steps: Any, extra_network_data: Any, *args: Any, **kwargs: Any
    ) -> tuple[Any, ...]:
        key = original(p, required_prompts, steps, host_part(extra_network_data), *args, **kwargs)
        return (*key, adapter.te_digest())

    patches.wrap(processing, "cached_params", cached_params)
