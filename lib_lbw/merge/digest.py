"""What tells one LoRA from another: the sha256 of its payload, and the older hash of AddNet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lib_lbw.lora.header import read_header
from lib_lbw.lora.seal import Seal
from lib_lbw.lora.writer import TensorSpec

LEGACY_KEY = "sshs_legacy_hash"
_SPEC_HASH = "modelspec.hash_sha256"
_CHUNK = 1 << 20
_LEGACY = (0x100000, 0x110000)
_LEGACY_LETTERS = 8
_TRAINING = "ss_"


def payload_digest(path: Path) -> tuple[str, int]:
    """Return the sha256 of the payload of a safetensors file, in hex, and its size in bytes.

    Raises LoraFileError for what is no such file.
    """
    header = read_header(path)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(header.data_start)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest(), header.size - header.data_start


def seals(layout: Sequence[TensorSpec], metadata: Mapping[str, str]) -> tuple[Seal, Seal]:
    """Return the legacy hash and that of modelspec, for a file of this `layout` and with this `metadata`.

    The legacy hash is that of bytes 0x100000 to 0x110000 of the file as sd-scripts and AddNet write it, with the
    `ss_` metadata alone; of a shorter file it is that of nothing.
    """
    header = _training_header(layout, metadata)
    start, end = (max(edge - len(header), 0) for edge in _LEGACY)
    legacy = Seal(LEGACY_KEY, letters=_LEGACY_LETTERS, before=header[slice(*_LEGACY)], start=start, end=end)
    return legacy, Seal(_SPEC_HASH, prefix="0x")


def _training_header(layout: Sequence[TensorSpec], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {
        "__metadata__": {key: value for key, value in sorted(metadata.items()) if key.startswith(_TRAINING)}
    }
    end = 0
    for spec in layout:
        start, end = end, end + spec.nbytes
        entries[spec.name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [start, end]}
    raw = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw
