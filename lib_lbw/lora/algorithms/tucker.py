"""The Tucker-2 core that convolutions may have between their factors."""

import torch
from torch import Tensor


def absorb(core: Tensor, right: Tensor) -> Tensor:
    """Return the core with its second axis mapped by `right`: [p, q, *k] and [q, i] to [p, i, *k].

    What is left is an ordinary convolution of rank p, so the delta of a Tucker module has exactly that rank.
    """
    return torch.einsum("pq...,qi->pi...", core, right)
