"""One module of a LoRA file: what it holds and how strongly it counts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.header import TensorInfo

_NEEDS_BASE = frozenset({"ia3", "glora", "oft", "boft", "set"})
_ALPHA_IS_NO_SCALE = frozenset({"oft", "boft", "set"})  # for OFT and BOFT alpha is the constraint


@dataclass(frozen=True)
class LoraModule:
    """A layer and the tensors a file holds for it; `tensors` maps canonical role -> tensor.

    `spelled` is the module name as the file writes it. `rank` is None where alpha is not divided by one, `alpha` is
    None where the file gives none, `scale` is the value of a `scale` tensor, which overrides alpha/rank.
    """

    id: ModuleId
    spelled: str
    algorithm: str
    tensors: Mapping[str, TensorInfo] = field(hash=False)
    rank: int | None = None
    alpha: float | None = None
    dora: bool = False
    scale: float | None = None

    @property
    def tucker(self) -> bool:
        """Whether a core tensor stands between the factors."""
        return not self.tensors.keys().isdisjoint(("lora_mid", "hada_t1", "lokr_t2", "bm"))

    @property
    def needs_base(self) -> bool:
        """Whether the delta is a function of the layer's own weight."""
        return self.dora or self.algorithm in _NEEDS_BASE

    @property
    def nbytes(self) -> int:
        """Bytes of all its tensors in the file."""
        return sum(info.end - info.start for info in self.tensors.values())

    @property
    def strength(self) -> float:
        """The factor s between the product of the tensors and the delta.

        `scale` if the file has one, else alpha / rank, else 1. Without alpha s is 1; alpha 0 means no effect, as in
        the WebUI. A LoKr of two full matrices has no rank, so alpha does not count (files carry 1e10 there).
        """
        if self.algorithm in _ALPHA_IS_NO_SCALE:
            return 1.0
        if self.scale is not None:
            return self.scale
        if self.rank is None or self.alpha is None:
            return 1.0
        return self.alpha / self.rank

    @property
    def constraint(self) -> float | None:
        """How far an orthogonal matrix may leave the identity, per output row; None: as far as it likes."""
        bounded = self.algorithm in ("oft", "boft") and self.alpha is not None and 0 < self.alpha < math.inf
        return self.alpha if bounded else None
