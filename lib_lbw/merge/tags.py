"""How often which tag stood in the captions of the training, added up over several LoRAs."""

import json
from collections.abc import Iterable

Frequencies = dict[str, dict[str, int]]
"""Data set -> tag -> how often."""


def merged_tags(texts: Iterable[str]) -> Frequencies:
    """Return the sum of `ss_tag_frequency` entries: of all data sets. What is no such JSON counts for nothing."""
    merged: Frequencies = {}
    for text in texts:
        for name, counts in _read(text).items():
            held = merged.setdefault(name, {})
            for tag, count in counts.items():
                held[tag] = held.get(tag, 0) + count
    return merged


def _read(text: str) -> Frequencies:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {
        name: {tag: count for tag, count in counts.items() if isinstance(count, int)}
        for name, counts in data.items()
        if isinstance(counts, dict)
    }
