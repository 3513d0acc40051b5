"""Whether two lists of patch entries give the same weight, told without computing it."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch


def same_entries(left: Sequence[Any] | None, right: Sequence[Any] | None) -> bool:
    """Compare strengths and plain values by value, tensors and everything unknown by identity.

    A file that is read once gives the same tensors each time its patches are built, so equal means equal weights; the
    reverse need not hold, and then a layer is merged once more than needed.
    """
    if left is None or right is None:
        return left is right
    return (
        len(left) == len(right)
        and all(_same(one, other) for one, other in zip(_parts(left), _parts(right), strict=False))
        and sum(1 for _ in _parts(left)) == sum(1 for _ in _parts(right))
    )


def _parts(value: Any) -> Iterator[Any]:
    """Walk through nested sequences, and through the weights of adapter objects; lengths are told along."""
    if isinstance(value, tuple | list):
        yield len(value)
        for part in value:
            yield from _parts(part)
    elif isinstance(getattr(value, "weights", None), tuple | list):
        yield type(value)
        yield from _parts(value.weights)
    else:
        yield value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float | str | bool | torch.dtype) and type(one) is type(other):
        return bool(one == other)
    return one is other
