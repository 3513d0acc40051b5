"""The tensors of a job, read and looked at, as terms that can be added up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor

from lib_lbw.errors import MergeError
from lib_lbw.lora.delta import module_delta, module_factors
from lib_lbw.lora.finite import all_finite
from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.device import CPU
from lib_lbw.merge.layer import without_magnitude
from lib_lbw.merge.numbers.low_rank import LowRank
from lib_lbw.merge.numbers.rows import moved, moved_rows, united
from lib_lbw.merge.numbers.terms import Kron, Term
from lib_lbw.merge.parts import Part
from lib_lbw.merge.sources import Opened

_LOKR_FULL = ("lokr_w1", "lokr_w2")
_OWN_BIASES = ("diff_b", "b_norm")


class NotFiniteError(MergeError):
    """A module that holds NaN or an infinity. `module` is its name, `lora` that of its file."""

    def __init__(self, module: str, lora: str) -> None:
        """Build the error."""
        super().__init__("{lora}: {module} holds NaN or an infinity.", module=module, lora=lora)
        self.module = module
        self.lora = lora


@dataclass(frozen=True, eq=False)
class Share:
    """What one source gives to a module: `scale` times `term`, and `scale` times `bias` [out]; None for nothing.

    `term` is the delta at strength 1: factors, a matrix [out, columns], or [channels] for a norm.
    """

    source: int
    scale: float
    term: Term | None
    bias: Tensor | None


def read_finite(part: Part, opened: Sequence[Opened]) -> dict[str, Tensor]:
    """Return the tensors of a part by role, as stored. Raises NotFiniteError, LoraFileError for a changed file."""
    file = opened[part.source].file
    tensors = file.read(part.module)
    for tensor in tensors.values():
        if not all_finite(tensor):
            raise NotFiniteError(part.module.spelled, file.name)
    return tensors


def shares(
    parts: Sequence[Part], opened: Sequence[Opened], checkpoint: Checkpoint | None, device: torch.device = CPU
) -> list[Share]:
    """Return what the sources give to a module, one share each, on `device`. A DoRA without a checkpoint is plain."""
    found = [(part, _share(part, opened, checkpoint, device)) for part in sorted(parts, key=lambda part: part.source)]
    return [_one(list(held)) for _, held in groupby(found, key=lambda each: each[0].source)]


def _one(held: Sequence[tuple[Part, Share]]) -> Share:
    """Return the share of a source whose parts each change some rows of the layer, brought to these rows."""
    placed = [_placed(part, share) for part, share in held]
    if len(placed) == 1:
        return placed[0]
    terms = [(each.term, each.scale) for each in placed if each.term is not None]
    biases = [each.bias * each.scale for each in placed if each.bias is not None]
    term = united([term for term, _ in terms], [scale for _, scale in terms]) if terms else None
    return Share(placed[0].source, 1.0, term, torch.stack(biases).sum(0) if biases else None)


def _placed(part: Part, share: Share) -> Share:
    if not part.rows:
        return share
    term = None if share.term is None else moved(share.term, part.rows, part.out)
    return replace(share, term=term, bias=None if share.bias is None else moved_rows(share.bias, part.rows, part.out))


def _share(part: Part, opened: Sequence[Opened], checkpoint: Checkpoint | None, device: torch.device) -> Share:
    tensors = {role: tensor.to(device) for role, tensor in read_finite(part, opened).items()}
    module = part.module
    if module.needs_base and checkpoint is not None:
        base = checkpoint.read(checkpoint.slots[module.id, "weight"]).to(device)
        delta = module_delta(module, tensors, base=base, dtype=torch.float32)
        return Share(part.source, part.scale, _matrix(delta.weight), delta.bias)
    bare = without_magnitude(module)
    held = {role: tensors[role] for role in bare.tensors}
    return Share(part.source, part.scale, term_of(bare, held), bias_of(bare, held))


def term_of(module: LoraModule, tensors: Mapping[str, Tensor]) -> Term | None:
    """Return the weight delta of a module at strength 1: factors in float64, a whole matrix in float32."""
    factors = module_factors(module, tensors, dtype=torch.float64)
    if factors is not None:
        return LowRank.of(factors)
    if module.algorithm == "lokr" and all(role in tensors for role in _LOKR_FULL):
        first, second = (tensors[role].double().flatten(1) for role in _LOKR_FULL)
        return Kron(first * module.strength, second)
    return _matrix(module_delta(module, tensors, dtype=torch.float32).weight)


def bias_of(module: LoraModule, tensors: Mapping[str, Tensor]) -> Tensor | None:
    """Return the bias delta at strength 1, float64: that of the factors has their strength, the others stand alone."""
    found = [tensors["bias"].double().flatten() * module.strength] if "bias" in tensors else []
    found += [tensors[role].double().flatten() for role in _OWN_BIASES if role in tensors]
    return torch.stack(found).sum(0) if found else None


def _matrix(weight: Tensor | None) -> Tensor | None:
    return weight if weight is None or weight.ndim < 2 else weight.flatten(1)
