"""The finished file: its bytes under another name, read again, and only then in its place."""

from collections.abc import Collection, Mapping
from pathlib import Path

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.writer import Written, stream_safetensors
from lib_lbw.merge.destination import put_in_place
from lib_lbw.merge.digest import payload_digest, seals
from lib_lbw.merge.leftovers import unfinished_name
from lib_lbw.merge.spool import Spool


def write_file(
    path: Path, spool: Spool, metadata: Mapping[str, str], modules: Collection[ModuleId], *, replace: bool
) -> Written:
    """Write what is spooled to `path`. Until the last moment whatever lies there stays, and on any failure for good.

    Raises LoraFileError for a disk that refuses, MergeError when what was written does not read back.
    """
    layout = spool.layout()
    unnamed = unfinished_name(path)
    try:
        written = stream_safetensors(
            unnamed, layout, lambda spec: spool.get(spec.name), metadata, seals(layout, metadata)
        )
        if payload_digest(unnamed)[0] != written.sha256 or {m.id for m in LoraFile(unnamed).modules} != set(modules):
            raise MergeError("{path}: the disk gave back something else than was written.", path=path)
        put_in_place(unnamed, path, replace=replace)
    finally:
        unnamed.unlink(missing_ok=True)
    return Written(path, written.sha256, written.size)
