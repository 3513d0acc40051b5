"""What one checkpoint has that another has not: alpha * A - beta * B, layer by layer, in float32.

Two files of one model that are stored in different types differ everywhere by their rounding. Where A and B are equal
once both are rounded to the coarser type, there is no difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_lbw.blocks.module import ModuleId
from lib_lbw.merge.checkpoint.names import Slot
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.chunks import chunks

Key = tuple[ModuleId, str]
"""A layer, and "weight" or "bias"."""

_EMBEDDINGS = ("token_embedding", "position_embedding")


@dataclass(frozen=True)
class Pair:
    """Two checkpoints of one family and what each is multiplied with."""

    a: Checkpoint
    b: Checkpoint
    alpha: float = 1.0
    beta: float = 1.0

    def common(self) -> Iterator[tuple[Slot, Slot]]:
        """Give the slots that both have, as (of A, of B), in the order of their modules."""
        for key in sorted(self.a.slots.keys() & self.b.slots.keys()):
            yield self.a.slots[key], self.b.slots[key]

    def misfits(self) -> tuple[Key, ...]:
        """Return what is in both, but in shapes of which one cannot be taken from the other."""
        return tuple((a.module, a.role) for a, b in self.common() if not same_layer(a, b))

    def lone(self, component: str) -> tuple[int, int]:
        """Return how many weights and biases of `component` only A has, and only B."""
        return tuple(  # type: ignore[return-value]
            sum(key[0].component == component for key in one.slots.keys() - other.slots.keys())
            for one, other in ((self.a, self.b), (self.b, self.a))
        )

    def difference(self, a: Slot, b: Slot) -> Tensor | None:
        """Return the difference in the shape of `a`, float32 or wider; None where there is none but for rounding."""
        one, other = self.a.read(a), self.b.read(b).reshape(a.shape)
        if self.alpha == self.beta and _equal_when_rounded(one, other):
            return None
        wide = torch.promote_types(torch.promote_types(one.dtype, other.dtype), torch.float32)
        found = one.to(wide).contiguous().mul_(self.alpha)  # both were read for this
        del one
        for mine, theirs in chunks(found, other):  # torch would make the whole of `other` as wide
            mine.sub_(theirs, alpha=self.beta)
        return found


def same_layer(a: Slot, b: Slot) -> bool:
    """Whether both are of one shape; a linear layer and a 1x1 convolution are."""
    return a.shape == b.shape or None is not _flat(a.shape) == _flat(b.shape)


def is_embedding(slot: Slot) -> bool:
    """Whether the slot is a table of vectors and no layer, which no LoRA reaches."""
    return slot.module.path.endswith(_EMBEDDINGS)


def coarser(one: torch.dtype, other: torch.dtype) -> torch.dtype:
    """Return the dtype of fewer digits."""
    return max(one, other, key=lambda dtype: torch.finfo(dtype).eps)


def _equal_when_rounded(one: Tensor, other: Tensor) -> bool:
    dtype = coarser(one.dtype, other.dtype)
    return bool(torch.equal(one.to(dtype), other.to(dtype)))


def _flat(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape without a kernel of one, None where there is a wider kernel."""
    return shape[:2] if all(side == 1 for side in shape[2:]) else None
