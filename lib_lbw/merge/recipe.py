"""What is to be merged, as a value: sources, method, ranks, precision, and where the result goes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.merge.numbers.ranks import RankRule

Operation = Literal["merge", "bake", "slider", "resize", "extract", "into-checkpoint"]
Kind = Literal["sum", "ties", "dare", "common", "unique"]
DType = Literal["auto", "fp16", "bf16", "fp32"]

OF_LORAS = ("merge", "bake", "slider", "resize")
STORED: Mapping[str, str] = MappingProxyType({"fp16": "F16", "bf16": "BF16", "fp32": "F32"})
"""Precision -> safetensors dtype name."""

_COUNTS: Mapping[str, int] = MappingProxyType({"bake": 1, "slider": 2, "resize": 1})
_PAIRS = ("common", "unique")


@dataclass(frozen=True)
class Source:
    """A LoRA and how strongly it counts, as the tag <lora:NAME:ratio*te:ratio*unet:lbw=weights:lbwe=elements:x=x>.

    `weights` and `elements` are the texts of that tag, empty for none; `seed` decides R and U. `sha256` and
    `size` of the payload are set in a recipe read back from a file, so that the source is known wherever it lies now.
    """

    path: Path
    ratio: float = 1.0
    te: float = 1.0
    unet: float = 1.0
    weights: str = ""
    elements: str = ""
    seed: int = 0
    x: float | None = None
    sha256: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        for number in (self.ratio, self.te, self.unet, self.x):
            if number is not None and not math.isfinite(number):
                raise MergeError("{path}: {number} is no ratio.", path=self.path, number=number)


@dataclass(frozen=True)
class Ranks:
    """How many ranks the result may have; without any of these it is exact.

    `linear`, `conv` (kernels wider than one) and `te` (text encoders) are caps; `conv` and `te` default to `linear`.
    `rule` cuts each module by its own spectrum, `size` all of them together until the file has at most so many bytes;
    `relative`: what is lost for that size counts beside the layer of the base checkpoint, not beside the whole LoRA.
    `blocks`: areas ("OUT05", "IN04-MID", "BASE") with caps of their own, which come before the others.
    """

    linear: int | None = None
    conv: int | None = None
    te: int | None = None
    rule: RankRule | None = None
    size: int | None = None
    relative: bool = False
    blocks: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for rank in (self.linear, self.conv, self.te, *(rank for _, rank in self.blocks)):
            if rank is not None and rank < 1:
                raise MergeError("a rank of {rank} is impossible; the least is 1.", rank=rank)
        if self.size is not None and self.size < 1:
            raise MergeError("a file of {size} bytes is impossible.", size=self.size)
        if self.size is not None and self.rule is not None:
            raise MergeError("a target size and a rule for the rank: leave one out.")
        if self.relative and self.size is None:
            raise MergeError("what is lost is weighed by the base for a target size only; give a size.")

    def cap(self, module: ModuleId, *, conv: bool) -> int | None:
        """Return the most ranks `module` may have; None: as many as the sum has."""
        own = self.te if module.is_text_encoder else self.conv if conv else None
        return self.linear if own is None else own

    @property
    def by_spectrum(self) -> bool:
        """Whether ranks are only known when the singular values are."""
        return self.rule is not None or self.size is not None


@dataclass(frozen=True)
class Method:
    """How deltas become one.

    sum: the weighted sum. ties, dare: the same without interference, keeping `density` of the entries (ties may
    `average` what agrees; dare draws with `seed`). common, unique: the part of the first source that lies inside, or
    outside, the row and column spaces of the second.
    """

    kind: Kind = "sum"
    density: float = 0.5
    average: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise MergeError("a density of {density} is impossible: more than 0, at most 1.", density=self.density)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result. `base`: the checkpoint for what needs the weights of the layers (DoRA, OFT).

    `base_sha256` and `base_size` are those of its payload, as in a Source.
    `leave_out` drops modules that cannot be merged instead of refusing. Raises MergeError for what contradicts itself.
    """

    operation: Operation
    sources: tuple[Source, ...]
    output: Path
    method: Method = field(default_factory=Method)
    ranks: Ranks = field(default_factory=Ranks)
    dtype: DType = "auto"
    base: Path | None = None
    leave_out: bool = False
    base_sha256: str = ""
    base_size: int = 0

    def __post_init__(self) -> None:
        count = _COUNTS.get(self.operation)
        if not self.sources:
            raise MergeError("there is nothing to merge: name at least one LoRA.")
        if count is not None and len(self.sources) != count:
            raise MergeError(
                "{operation} takes {count:LoRA file|LoRA files}, not {given}.",
                **{"operation": self.operation, "count": count, "given": len(self.sources)},
            )
        if self.method.kind in _PAIRS and len(self.sources) != 2:
            raise MergeError(
                "the {kind} part is that of two LoRAs, not of {given}.", kind=self.method.kind, given=len(self.sources)
            )
        ranks = self.ranks
        if ranks.relative and self.base is None:
            raise MergeError("to weigh what is lost by the base, give the base checkpoint.")
        if self.operation == "resize" and ranks == Ranks():
            raise MergeError("a resize needs a rank, a rule for the rank, or a size.")
        if self.operation == "bake" and ranks != Ranks():
            raise MergeError("baking leaves the ranks as they are; resize changes them.")

    def sign(self, index: int) -> float:
        """Return with which sign source number `index` counts: a slider is the first less the second."""
        return -1.0 if self.operation == "slider" and index == 1 else 1.0
