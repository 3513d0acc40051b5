"""The finished file: hashes first, then the bytes under another name, read again, and only then in its place."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.writer import Written, stream_safetensors
from lib_lbw.merge.destination import put_in_place
from lib_lbw.merge.digest import digests, payload_digest
from lib_lbw.merge.spool import Spool

LEGACY_KEY = "sshs_legacy_hash"
_SPEC_HASH = "modelspec.hash_sha256"


def write_file(
    path: Path, spool: Spool, metadata: Mapping[str, str], modules: Collection[ModuleId], *, replace: bool
) -> Written:
    """Write what is spooled to `path`. Until the last moment whatever lies there stays, and on any failure for good.

    Raises LoraFileError for a disk that refuses, MergeError when what was written does not read back.
    """
    payload, legacy = digests(spool, metadata)
    whole = {**metadata, LEGACY_KEY: legacy, _SPEC_HASH: f"0x{payload}"}
    unnamed = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        written = stream_safetensors(unnamed, spool.layout(), lambda spec: spool.get(spec.name), whole)
        if payload_digest(unnamed)[0] != payload or {m.id for m in LoraFile(unnamed).modules} != set(modules):
            raise MergeError("{path}: the disk gave back something else than was written.", path=path)
        put_in_place(unnamed, path, replace=replace)
    finally:
        unnamed.unlink(missing_ok=True)
    return Written(path, written.sha256, written.size)
