"""What the literature says a block does: a prior to read beside the number, never a measurement.

`roles.json` holds, for each U-Net family, the blocks, the role and where it was published or collected.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Role:
    """A role in a few words (an English template) and its sources, as short names of papers and tools."""

    text: str
    source: str


@cache
def roles(family: str) -> Mapping[str, Role]:
    """Return block name -> role for the family with this id; empty where nothing is known (transformers)."""
    data = json.loads(Path(__file__).with_name("roles.json").read_text(encoding="utf-8"))
    return {
        block: Role(entry["role"], entry["source"])
        for entry in data.get(family, [])
        for block in entry["blocks"].split()
    }
