"""What is different between two lists, told as one change, so that a thousand lines need not travel for one of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from lib_lbw.errors import LbwError


@dataclass(frozen=True)
class Change:
    """`drop` entries of a list, from the place `at` on (counted from 0), give way to those of `put`."""

    at: int
    drop: int
    put: tuple[Any, ...]

    @classmethod
    def between(cls, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> "Change":
        """Return the change that makes `after` of `before`, two lists of told lines, whatever their numbers."""
        old, new = [_unnumbered(line) for line in before], [_unnumbered(line) for line in after]
        least = min(len(old), len(new))
        at = next((place for place in range(least) if old[place] != new[place]), least)
        same = next((place for place in range(least - at) if old[-1 - place] != new[-1 - place]), least - at)
        return cls(at, len(old) - at - same, tuple(after[at : len(after) - same]))

    @classmethod
    def of(cls, told: Any) -> "Change":
        """Read the change of a list of texts out of a question. Raises LbwError for anything else."""
        if isinstance(told, dict):
            at, drop, put = told.get("at"), told.get("drop"), told.get("put")
            if (
                _is_place(at)
                and _is_place(drop)
                and isinstance(put, list)
                and all(isinstance(each, str) for each in put)
            ):
                return cls(at, drop, tuple(put))
        raise LbwError("the question needs a change of lines")

    def applied(self, before: Sequence[Any]) -> list[Any]:
        """Return the list with the change in it."""
        return [*before[: self.at], *self.put, *before[self.at + self.drop :]]

    def json(self) -> dict[str, Any]:
        """Return the change for a page."""
        return {"at": self.at, "drop": self.drop, "put": list(self.put)}


def stamp_of(text: str) -> str:
    """Return what tells one text from all others, in few letters."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _is_place(value: Any) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _unnumbered(line: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "number"}
