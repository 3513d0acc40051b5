"""LoRAs built into a checkpoint: one tensor at a time is read, added to in float32, rounded once and written.

What is drawn with the result is what is drawn with the LoRAs on the checkpoint, but for the rounding. Tensors that no
LoRA touches, the VAE among them, are the same bytes as before, unless another type was asked for: then the layers of
U-Net and text encoders are rounded to that.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from lib_lbw.errors import MergeError
from lib_lbw.lora.finite import all_finite
from lib_lbw.lora.storage import TORCH_DTYPES
from lib_lbw.lora.writer import TensorSpec, stream_safetensors
from lib_lbw.merge.checkpoint.into_plan import IntoPlan
from lib_lbw.merge.checkpoint.patching import patched
from lib_lbw.merge.checkpoint.records import checkpoint_metadata
from lib_lbw.merge.checkpoint.rounding import Survival, rounded, survival
from lib_lbw.merge.checkpoint.work import Steps
from lib_lbw.merge.checkpoint.writing import settle, unfinished
from lib_lbw.merge.destination import check_space, folder_made
from lib_lbw.merge.device import CPU, told_out_of_memory
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.workers import OnProgress, ShouldStop, exact_products, never, silent
from lib_lbw.weights.notice import Notice

NOTABLE = 0.05
"""Relative error of what was added from which on a user is told of it."""


@dataclass(frozen=True)
class IntoResult:
    """A finished checkpoint. `survival`: part ("unet", "te1", "te2") -> what rounding left of the change to it.

    `changed`: how many tensors were added to. `sha256` is that of the payload.
    """

    path: Path
    sha256: str
    size: int
    changed: int
    survival: Mapping[str, Survival]
    left_out: tuple[str, ...]
    notices: tuple[Notice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "bytes": self.size,
            "changed": self.changed,
            "survival": {p: {"error": s.error, "unchanged": s.unchanged} for p, s in sorted(self.survival.items())},
            "left_out": list(self.left_out),
            "notices": [str(notice) for notice in self.notices],
        }


def run_into(
    plan: IntoPlan, on_progress: OnProgress = silent, should_stop: ShouldStop = never, device: torch.device = CPU
) -> IntoResult:
    """Carry out `plan`, adding on `device`. Progress counts the bytes of the result.

    Raises MergeStopped when `should_stop` says so, CheckpointError and LoraFileError for an input that was changed or
    holds NaN, MergeError for a result that overflows or a disk that is full. Then nothing is left behind.
    """
    path = plan.recipe.output
    # The base is hashed, the result written and read back.
    steps = Steps(plan.checkpoint.header.size + 2 * plan.size, on_progress, should_stop)
    builder = _Builder(plan, steps, device)
    with folder_made(path.parent), told_out_of_memory(device), exact_products(), unfinished(path) as temporary:
        check_space(path.parent, plan.size // 2)  # it allows for a spool of the same size, and there is none here
        metadata = checkpoint_metadata(plan, steps)
        written = stream_safetensors(temporary, plan.layout, builder.tensor, metadata)
        written = settle(written, path, plan.replace, steps)
    parts = MappingProxyType(dict(builder.survival))
    told = tuple(_survival_notices(plan, parts))
    return IntoResult(
        path=path,
        sha256=written.sha256,
        size=written.size,
        changed=len(plan.terms),
        survival=parts,
        left_out=plan.left_out,
        notices=(*plan.notices, *told),
    )


def _survival_notices(plan: IntoPlan, parts: Mapping[str, Survival]) -> Iterator[Notice]:
    for part, found in sorted(parts.items()):
        if plan.seed is None and found.error >= NOTABLE:
            yield Notice.of(
                "{part}: rounding changed what was added by {error}, and {unchanged} of the weights could not move; "
                "fp32, or stochastic rounding, keeps more of it.",
                **{"part": part, "error": f"{found.error:.1%}", "unchanged": f"{found.unchanged:.1%}"},
            )


class _Builder:
    """Makes the tensors of the result and keeps count of what rounding did to them."""

    def __init__(self, plan: IntoPlan, steps: Steps, device: torch.device) -> None:
        self._plan = plan
        self._device = device
        self._steps = steps
        self.survival: defaultdict[str, Survival] = defaultdict(Survival)

    def tensor(self, spec: TensorSpec) -> Tensor:
        """Return the tensor of the result that `spec` announces."""
        self._steps.begin()
        made = self._made(spec)
        self._steps.end(spec.nbytes, spec.name)
        return made

    def _made(self, spec: TensorSpec) -> Tensor:
        plan, dtype = self._plan, TORCH_DTYPES[spec.dtype]
        stored = plan.checkpoint.tensor(spec.name)
        terms = plan.terms.get(spec.name)
        if terms is None:
            return _held(stored.to(dtype), spec)
        stored = stored.to(self._device)
        wide = patched(stored, terms, plan.opened)
        source = None if plan.seed is None else torch.Generator().manual_seed(seed_of(f"{plan.seed} {spec.name}"))
        made = _held(rounded(wide, dtype, source), spec)
        self.survival[terms[0].slot.module.component] += survival(stored, wide, made)
        return made


def _held(tensor: Tensor, spec: TensorSpec) -> Tensor:
    """Return `tensor`, which was finite before it was rounded, or say that its numbers are too large for the type."""
    if not all_finite(tensor):
        raise MergeError("{key} holds numbers that do not fit {dtype}.", key=spec.name, dtype=spec.dtype)
    return tensor
