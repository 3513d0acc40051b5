"""Module names of diffusion transformers: the file's own names, cut into parts by a vocabulary.

No grammar is closed here, new models come every month. A name is accepted when all its parts are known, or when it
begins with a numbered list of blocks or layers, whatever the list holds.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache

from lib_lbw.blocks.resources import read_data
from lib_lbw.blocks.rules import NUMBER

_NUMBER = re.compile(rf"({NUMBER.pattern})(-[0-9])?")
"""Z-Image numbers its embedders by patch size: `all_x_embedder.2-1`."""

_LIST_NAME = re.compile(r"([a-z]+_)*(blocks|layers)")
_UNET_HEADS = ("input_blocks", "middle_block", "output_blocks", "down_blocks", "mid_block", "up_blocks")
_TYPING_ERROR = 0.88
"""A list name this near (difflib ratio) to one of the U-Net is taken for a typing error of it, not for a new model."""


def dit_path(name: str, separator: str) -> str | None:
    """Return the dotted path of a module of a diffusion transformer, or None when `name` is not the name of one.

    `separator` joins the parts of `name`: "." or "_". Parts that hold an underscore are cut by the longest known
    token, words between known tokens stay joined; so `double_blocks_0_img_attn_qkv` and
    `double_blocks.0.img_attn_qkv` are both `double_blocks.0.img_attn.qkv`.
    """
    written = name.split(".") if separator == "." else [name]
    parts = [part for piece in written for part in _cut(piece)]
    if not all(parts) or parts[0] in _UNET_HEADS or _NUMBER.fullmatch(parts[0]):
        return None
    known = all(part in _vocabulary() or _NUMBER.fullmatch(part) for part in parts)
    return ".".join(parts) if known or _begins_with_list(parts) else None


def _begins_with_list(parts: list[str]) -> bool:
    if len(parts) < 3 or not NUMBER.fullmatch(parts[1]):
        return False
    head = parts[0]
    if head in _vocabulary():
        return True
    return _LIST_NAME.fullmatch(head) is not None and not get_close_matches(head, _UNET_HEADS, 1, _TYPING_ERROR)


def _cut(text: str) -> list[str]:
    """Return `text` cut at underscores: at each word the longest known token; unknown words stay joined."""
    if text in _vocabulary() or "_" not in text:
        return [text]
    words = text.split("_")
    parts: list[str] = []
    unknown: list[str] = []
    position = 0
    while position < len(words):
        token = _longest_token(words, position)
        if token is None:
            unknown.append(words[position])
            position += 1
            continue
        if unknown:
            parts.append("_".join(unknown))
            unknown = []
        parts.append(token)
        position += token.count("_") + 1
    return [*parts, "_".join(unknown)] if unknown else parts


def _longest_token(words: list[str], position: int) -> str | None:
    """Return the longest known token, or number, that starts at word `position`."""
    for size in range(min(_longest_size(), len(words) - position), 0, -1):
        token = "_".join(words[position : position + size])
        if token in _vocabulary() or (size == 1 and _NUMBER.fullmatch(token)):
            return token
    return None


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(read_data("dit_tokens")["tokens"])


@cache
def _longest_size() -> int:
    return max(token.count("_") + 1 for token in _vocabulary())
