"""DoRA (Liu 2024, arXiv 2402.09353): the changed weight is brought to a learned norm per row or per column.

delta = m * (W + delta) / |W + delta| - W. The norm runs over the axes that `dora_scale` lacks: [out, 1, ...] and
PEFT's [out] or [1, out, 1, 1] have one magnitude an output row, [1, in, ...] one an input column.
"""

import torch
from torch import Tensor


def delta(base: Tensor, plain: Tensor, magnitude: Tensor, *, peft: bool) -> Tensor:
    """Return the delta of DoRA over the `plain` delta; all in the shape of `base`, at least 2-D.

    `peft`: the magnitude was written by PEFT, which always means output rows. Rows that vanish stay zero.
    Raises ValueError when the magnitude fits neither axis.
    """
    axis = magnitude_axis(tuple(base.shape), tuple(magnitude.shape), peft=peft)
    changed = base + plain
    norm = torch.linalg.vector_norm(changed, dim=[d for d in range(base.ndim) if d != axis], keepdim=True)
    factor = magnitude.reshape(norm.shape) / norm
    return changed * torch.where(norm > 0, factor, torch.zeros_like(factor)) - base


def magnitude_axis(base: tuple[int, ...], magnitude: tuple[int, ...], *, peft: bool) -> int:
    """Return the axis of a weight of shape `base` that the magnitude has: 0 (outputs) or 1 (inputs).

    A square layer leaves only the form to go by: [1, n] means inputs, unless PEFT wrote it.
    """
    long = [axis for axis, n in enumerate(magnitude) if n > 1]
    count = max(magnitude, default=1)
    if len(base) < 2 or len(long) > 1 or count not in base[:2]:
        raise ValueError(f"a magnitude of shape {list(magnitude)} fits no axis of a weight of shape {list(base)}")
    on_input = count == base[1] and (count != base[0] or (long == [1] and not peft))
    return 1 if on_input else 0
