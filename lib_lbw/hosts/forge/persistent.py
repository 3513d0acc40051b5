"""Newer Classic with `--persistent-patches`: patched weights stay in the model from picture to picture.

The host takes them out when its list of (file, strengths) differs from the one they were made with, and else patches on
top of them. Our ratios are in no such list: after a change of them alone, LoRAs would add up.
"""

from typing import Any

_NO_LIST_OF_THE_HOST = ("lbw",)


def let_go_of_weights(model: Any) -> None:
    """Make the host take out what is in the weights of `model` before it patches them again.

    All clones of a patcher share one status.
    """
    objects = model.forge_objects_original
    for patcher in (objects.unet, getattr(objects.clip, "patcher", None)):
        status = getattr(patcher, "patch_status", None)
        if status is not None:
            status.l_cache = _NO_LIST_OF_THE_HOST
