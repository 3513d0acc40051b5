"""Reading of the JSON data beside the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

_RANGE = re.compile(r"([A-Z]+)([0-9]{2,3})-\1([0-9]{2,3})")


@cache
def read_data(name: str) -> Any:
    """Return the parsed content of `data/NAME.json`. The caller must not change it: it is shared."""
    return json.loads((files("lib_lbw.blocks") / "data" / f"{name}.json").read_text(encoding="utf-8"))


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """Return block names with every range written out: "IN00-IN02" becomes IN00 IN01 IN02."""
    expanded: list[str] = []
    for name in names:
        found = _RANGE.fullmatch(name)
        if found is None:
            expanded.append(name)
        else:
            prefix, first, last = found.groups()
            expanded.extend(f"{prefix}{number:02d}" for number in range(int(first), int(last) + 1))
    return tuple(expanded)
