"""How much memory is free, and what running out of it looks like."""

import ctypes
import os
import sys
from pathlib import Path

import torch

_MEMINFO = Path("/proc/meminfo")
_UNKNOWN = 4 * 2**30
"""Taken for free where the system tells nothing."""


def free_bytes(device: torch.device) -> int:
    """Return the free memory of `device` in bytes; for a device that does not tell, that of the computer."""
    if device.type != "cuda":
        return _free_in_computer()
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + cached


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` means that memory ran out, on whatever device."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


def empty_caches() -> None:
    """Give the blocks that torch keeps for later back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def available(meminfo: str) -> int | None:
    """Return the bytes that Linux can give without swapping, file caches included; None where it does not tell."""
    lines = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    words = lines.get("MemAvailable", "").split()
    return int(words[0]) * 1024 if words else None


def _free_in_computer() -> int:
    if sys.platform == "win32":
        return _free_on_windows()
    if _MEMINFO.is_file() and (told := available(_MEMINFO.read_text())) is not None:
        return told
    if "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    return _UNKNOWN


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "free", "total_page", "free_page")),
        *((name, ctypes.c_uint64) for name in ("total_virtual", "free_virtual", "free_extended")),
    )


def _free_on_windows() -> int:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the name is there on Windows only
    return int(status.free) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else _UNKNOWN
