"""A second device that every machine has: its tensors lie on the processor, and may not meet those that say so.

What a graphics card would refuse is refused here with the same strictness: an operation on tensors of two devices, a
tensor handed to numpy, bytes read from it. The numbers are computed all the same, so that results can be compared.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ELSEWHERE = torch.device("meta")
"""The one device besides the processor that every build of torch knows; here its tensors have numbers."""
_WHOLE = (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__)
"""What torch takes to pieces that change the shape of a tensor in its place, which `Elsewhere` cannot."""
_BETWEEN_DEVICES = ("aten.copy_.default", "aten._to_copy.default")


class TwoDevicesError(RuntimeError):
    """An operation got tensors of two devices."""


class Elsewhere(torch.Tensor):
    """A tensor on the other device; `held` has its numbers."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Elsewhere":
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype, device=ELSEWHERE
        )
        made.held = held
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _WHOLE:
            return _computed(func, args, kwargs or {})
        return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class OtherDevice(TorchDispatchMode):
    """Inside, tensors can be made on the other device and brought there. `computed` counts what was done there."""

    computed = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class Workers(ThreadPoolExecutor):
    """Threads that know the other device, as those of a program know a graphics card."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **values: Any) -> "Future[Any]":
        def inside() -> Any:
            with OtherDevice():
                return work(*args, **values)

        return super().submit(inside)


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
    there = [each for each in tensors if isinstance(each, Elsewhere)]
    here = [each for each in tensors if not isinstance(each, Elsewhere) and each.dim()]
    if there and here and str(func) not in _BETWEEN_DEVICES:
        raise TwoDevicesError(f"{func} on {[(each.device, tuple(each.shape)) for each in tensors]}")
    device = kwargs.get("device")
    to_there = bool(there) if device is None else device.type == ELSEWHERE.type
    kwargs = kwargs if device is None else {**kwargs, "device": torch.device("cpu")}
    OtherDevice.computed += to_there
    owners = {id(each.held): each for each in there}
    plain_args, plain_kwargs = tree_map(lambda each: each.held if isinstance(each, Elsewhere) else each, (args, kwargs))
    result = func(*plain_args, **plain_kwargs)

    def brought(each: Any) -> Any:
        if not isinstance(each, torch.Tensor):
            return each
        if id(each) in owners and str(func) not in _BETWEEN_DEVICES[1:]:
            return owners[id(each)]  # changed in place
        return Elsewhere(each) if to_there else each

    return tree_map(brought, result)
