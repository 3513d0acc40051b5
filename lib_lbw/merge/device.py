"""Where a merge is computed: on the processor unless a graphics card is asked for; the result is the same to 1e-6.

Merges compute in float64, which a device must have, and module by module, so that its memory hardly matters. What a
running WebUI has loaded there stays where it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lib_lbw.errors import MergeError

CPU = torch.device("cpu")
_WITHOUT_FLOAT64 = "mps"


def devices() -> tuple[str, ...]:
    """Return the names of the devices that merges can be computed on here, the processor first."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cpu", *(["cuda"] if count == 1 else [f"cuda:{number}" for number in range(count)]))


def usable(name: str) -> torch.device:
    """Return the device of that name. Raises MergeError, naming those there are, for one that cannot be computed on."""
    known = devices()
    if name in known or (name in ("cuda", "cuda:0") and len(known) > 1):
        return torch.device(name)
    listed = ", ".join(known)
    if name.partition(":")[0] == _WITHOUT_FLOAT64:
        raise MergeError(
            "{name} has no float64, in which merges are computed; here there is: {known}", name=name, known=listed
        )
    raise MergeError("there is no device {name!r} to compute on; here there is: {known}", name=name, known=listed)


def threads(device: torch.device) -> int | None:
    """Return how many modules are computed at the same time: on a graphics card one, None for one a core."""
    return None if device.type == CPU.type else 1


@contextmanager
def told_out_of_memory(device: torch.device) -> Iterator[None]:
    """Turn a graphics card's lack of memory inside the block into a MergeError."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise MergeError(
            "the memory of {device} is full; free some, or compute on the processor", device=device
        ) from error
