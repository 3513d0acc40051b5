"""Files that are not finished yet: their names, and what is left of them when a program was killed.

The name tells which process writes it, on which machine. A later merge into the folder takes away what the processes
of this machine left that are gone; of other machines (a shared folder) and containers nothing is known, so theirs stay.
"""

import ctypes
import hashlib
import os
import platform
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

_UNFINISHED = re.compile(r"\.{1,2}.+\.part-(?P<machine>[0-9a-f]{8})-(?P<process>[0-9]+)(\.tmp-[0-9]+)?")
_NAMESPACE = Path("/proc/self/ns/pid")
_ASK, _NO_SUCH = 0x1000, 87  # PROCESS_QUERY_LIMITED_INFORMATION, ERROR_INVALID_PARAMETER


def unfinished_name(path: Path) -> Path:
    """Return the name that this process gives a file before it is finished and called `path`."""
    return path.with_name(f".{path.name}.part-{_machine()}-{os.getpid()}")


def remove_leftovers(folder: Path) -> None:
    """Take away the unfinished files in `folder` that belong to processes of this machine which are gone."""
    for each in folder.iterdir():
        match = _UNFINISHED.fullmatch(each.name)
        if match is None or match["machine"] != _machine() or _runs(int(match["process"])):
            continue
        with suppress(OSError):  # somebody else was faster, or the system keeps it
            each.unlink()


def _runs(process: int) -> bool:
    """Whether a process of this machine is alive. Where that cannot be asked it is taken for alive."""
    if os.name == "nt":
        return _runs_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to somebody else, or is no number of a process
        return True
    return True


def _runs_on_windows(process: int) -> bool:
    """Tell it as Windows does, where os.kill would end the process."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(_ASK, False, process)
    if handle:
        kernel.CloseHandle(handle)
        return True
    return bool(ctypes.get_last_error() != _NO_SUCH)  # type: ignore[attr-defined,unused-ignore]


@cache
def _machine() -> str:
    """Return eight letters for this machine, or container: where process numbers are what we know them as."""
    try:
        namespace = os.readlink(_NAMESPACE)  # noqa: PTH115 - Path.readlink checks more than there is in /proc
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]
