"""Where a result goes, and everything that must hold before anything is written there."""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from lib_lbw.errors import MergeError
from lib_lbw.merge.leftovers import remove_leftovers

Replace = Literal["nothing", "file", "input"]
"""What may be overwritten: nothing, an older file, or even one of the files that go in."""

SUFFIX = ".safetensors"
_OTHER_FORMATS = re.compile(r"\.(safetensor|pt|pth|ckpt|bin|pkl|gguf|onnx)$", re.IGNORECASE)
_MOST_BYTES = 200  # of a name, so that a temporary one beside it still fits the 255 of a file system
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_SPARE = 1.05
_SPOOL = 2  # the tensors are spooled beside the file until all of them are known


def file_in(folder: Path, name: str) -> Path:
    """Return the file of that name in the folder of LoRAs; the name has no folders, and the ending may be left out.

    Raises MergeError for what no file may be called on some system, what would lie elsewhere, and the ending of
    another format.
    """
    stem = _without_ending(unicodedata.normalize("NFC", name))
    if _OTHER_FORMATS.search(stem):
        nearest = _OTHER_FORMATS.sub(SUFFIX, stem)
        raise MergeError("{name!r}: only safetensors files are written; write {nearest}.", name=name, nearest=nearest)
    path = folder / (stem + SUFFIX)
    template = _fault_of(stem)
    if not template and path.resolve().parent != folder.resolve():
        template = "{name!r} cannot name a LoRA: it lies outside the folder."
    if template:
        raise MergeError(template, name=name)
    return path


def prompt_hint(stem: str) -> str:
    """Return the letters of a name that keep a prompt from naming it, or nothing."""
    return " ".join(sorted(set(re.findall("[,:<>]", stem))))


def check_destination(path: Path, inputs: Iterable[Path], replace: Replace) -> None:
    """Raise MergeError when the file must not, or cannot, be written there. Its folder may still have to be made."""
    if path.suffix != SUFFIX:
        raise MergeError("{path}: the name of the result must end in {suffix}.", path=path, suffix=SUFFIX)
    above = next((each for each in path.parents if each.exists()), None)
    if above is None:
        raise MergeError("{path}: there is no folder {folder}.", path=path, folder=path.parent)
    if not above.is_dir():
        raise MergeError("{path}: {folder} is a file, not a folder.", path=path, folder=above)
    if path.is_dir():
        raise MergeError("{path} is a folder.", path=path)
    if not path.exists():
        return
    if any(_same(path, each) for each in inputs):
        if replace != "input":
            raise MergeError("{path} is one of the files that go in; choose another name.", path=path)
    elif replace == "nothing":
        raise MergeError("{path} is there already; choose another name, or allow to overwrite it.", path=path)


def check_space(folder: Path, size: int) -> None:
    """Raise MergeError unless the disk has room for a file of `size` bytes while it is put together."""
    needed = int(size * _SPARE * _SPOOL)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MergeError(
            "{folder}: {needed} bytes are needed while writing, {free} are free.",
            **{"folder": folder, "needed": needed, "free": free},
        )


@contextmanager
def folder_made(folder: Path) -> Iterator[None]:
    """Make `folder`, and what is missing above it, for the block; if that fails, what was made is taken away again.

    What merges that were killed left in a folder goes first.

    Raises MergeError for a folder that cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MergeError("{folder} cannot be made: {reason}.", folder=folder, reason=error.strerror) from error
    try:
        remove_leftovers(folder)
        yield
    except BaseException:
        for each in missing:
            with suppress(OSError):  # somebody else put something into it meanwhile
                each.rmdir()
        raise


def put_in_place(finished: Path, path: Path, *, replace: bool) -> None:
    """Give the finished file its name at once. Without `replace` raises MergeError if that is taken meanwhile."""
    if replace:
        finished.replace(path)
    else:
        try:
            os.link(finished, path)
        except FileExistsError as error:
            raise MergeError("{path} was written by somebody else meanwhile.", path=path) from error
        except OSError:  # a file system without links
            if path.exists():
                raise MergeError("{path} was written by somebody else meanwhile.", path=path) from None
            finished.replace(path)
        else:
            finished.unlink()
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Bring the new name of the file to the disk, where a folder can be opened for that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _without_ending(name: str) -> str:
    return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name


def _fault_of(stem: str) -> str:
    """Return what is wrong with a name, as a template with the field `name`; nothing for a good one."""
    if not stem.strip(" ."):
        return "{name!r} cannot name a LoRA: it is empty."
    if _FORBIDDEN.search(stem):
        return '{name!r} cannot name a LoRA: / \\ : * ? " < > | and control characters do not work everywhere.'
    if stem != stem.strip() or stem.startswith(".") or stem.endswith("."):
        return "{name!r} cannot name a LoRA: it begins or ends with a blank or a point."
    if _RESERVED.match(stem):
        return "{name!r} cannot name a LoRA: Windows keeps that name for a device."
    return "{name!r} cannot name a LoRA: it is too long." if len(stem.encode()) > _MOST_BYTES else ""
