"""LoRA (Hu 2021, arXiv 2106.09685), LoCon and LoCon with a Tucker core (LyCORIS, arXiv 2309.14859).

delta = lora_up [o, r] . lora_down [r, i, *k]; with lora_mid [r, r, *k]: up . (mid x_2 down).
"""

from collections.abc import Mapping

from torch import Tensor

from lib_lbw.lora.algorithms.tucker import absorb


def delta(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return up . down, shaped [out, in, *kernel]."""
    up, down = tensors["lora_up"], _whole_down(tensors)
    product: Tensor = up.flatten(1) @ down.flatten(1)
    return product.reshape(-1, *down.shape[1:])


def factors(tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return (up, down) flattened; a Tucker core is absorbed into the right one."""
    return tensors["lora_up"].flatten(1), _whole_down(tensors).flatten(1)


def _whole_down(tensors: Mapping[str, Tensor]) -> Tensor:
    down = tensors["lora_down"]
    return absorb(tensors["lora_mid"], down.flatten(1)) if "lora_mid" in tensors else down
