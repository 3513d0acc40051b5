"""A layer's forward for a batch whose samples have recipes of their own.

In a block grid nearly all samples agree on a layer's weight, and those that differ agree among themselves. So rows are
grouped by weight, and each group runs through the layer with its own merged weight: about as many multiplications as
one common weight would need, for every algorithm and every kind of layer. The alternative, a low-rank branch with a
scale per sample beside the base, was measured (`benchmarks/grouped_layers.py`): it costs more on small layers, about
as much on large ones, and cannot express LoHa, LoKr or DoRA cheaply.

Two ways to group, by a fixed rule: if at most one row in eight differs from the largest group, all rows run with the
largest group's weight and the others are computed again and written over, which moves little memory; otherwise every
group runs for itself, which computes nothing twice.
"""

from collections.abc import Sequence
from typing import Any

import torch

from lib_lbw.engine.recipes import Group
from lib_lbw.errors import HostError
from lib_lbw.hosts.patched import PatchedLayer

_FEW = 1 / 8
"""Part of the rows that may be computed twice."""

_Rows = slice | torch.Tensor
"""Row numbers: a slice where they are neighbours, which copies nothing when read."""


class GroupedForward:
    """Stands in for `layer.forward` while installed. The first argument holds the samples' rows, sample by sample."""

    def __init__(self, patched: PatchedLayer, groups: Sequence[Group]) -> None:
        """`groups` partition the samples, the largest first; their recipes must be prepared in `patched`."""
        self._patched = patched
        self._groups = groups
        self._samples = sum(len(group.samples) for group in groups)
        self._few = self._samples - len(groups[0].samples) <= _FEW * self._samples
        self._known: dict[tuple[int, torch.device], list[_Rows]] = {}
        self._forward = patched.layer.forward
        self._own = patched.layer.__dict__.get("forward")

    def install(self) -> None:
        """Take the layer's place."""
        self._patched.layer.forward = self

    def remove(self) -> None:
        """Give the layer its own forward back."""
        del self._patched.layer.forward
        if self._own is not None:
            self._patched.layer.forward = self._own

    def __call__(self, rows: torch.Tensor, *args: Any, **settings: Any) -> torch.Tensor:
        """Run each group's rows through the layer with the group's weight."""
        parts = self._parts(rows)
        out: torch.Tensor | None = self._forward(rows, *args, **settings) if self._few else None
        for group, part in list(zip(self._groups, parts, strict=True))[1 if self._few else 0 :]:
            with self._patched.showing(group.recipe):
                made = self._forward(rows[part], *args, **settings)
            if out is None:
                out = made.new_empty((rows.shape[0], *made.shape[1:]))
            out[part] = made
        assert out is not None
        return out

    def _parts(self, rows: torch.Tensor) -> list[_Rows]:
        """Return the row numbers of each group. Raises HostError when rows cannot be told apart by sample."""
        each, rest = divmod(rows.shape[0], self._samples)
        if rest or not each:
            raise HostError(
                "Layer {module} was called with {rows} rows for {samples} samples; whose is whose cannot be told.",
                module=self._patched.module,
                rows=rows.shape[0],
                samples=self._samples,
            )
        key = (each, rows.device)
        if key not in self._known:
            self._known[key] = [_rows(group.samples, each, rows.device) for group in self._groups]
        return self._known[key]


def _rows(samples: Sequence[int], each: int, device: torch.device) -> _Rows:
    """Return the rows of `samples` (ascending) when every sample has `each` rows."""
    if samples[-1] - samples[0] == len(samples) - 1:
        return slice(samples[0] * each, (samples[-1] + 1) * each)
    return torch.tensor([sample * each + row for sample in samples for row in range(each)], device=device)
