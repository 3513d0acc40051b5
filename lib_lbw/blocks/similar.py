"""Likeness of two names, for "the nearest is ..." in errors."""

from __future__ import annotations

from difflib import SequenceMatcher


def similarity(known: str, written: str, floor: float) -> float:
    """Return difflib's ratio of two texts in [0, 1], or 0 when it is not above `floor` (found out cheaply)."""
    matcher = SequenceMatcher(None, known, written)
    if matcher.real_quick_ratio() <= floor or matcher.quick_ratio() <= floor:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio > floor else 0.0
