"""Hashes in the header of the file that they are of."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from lib_lbw.lora.header import read_header
from lib_lbw.lora.seal import Seal
from lib_lbw.lora.writer import TensorSpec, stream_safetensors

TENSORS = {"b": torch.arange(7.0), "a": torch.arange(5, dtype=torch.int16), "c": torch.zeros(0)}


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (0, 38), (3, 30), (27, 29), (30, 36), (38, 50), (60, 70), (4, 4)]
)
def test_a_seal_is_the_hash_of_its_window(tmp_path: Path, start: int, end: int | None) -> None:
    path = tmp_path / "x.safetensors"
    seals = (Seal("part", "0x", 8, b"before", start, end), Seal("all"))
    lure = json.dumps({"part": "0x" + "0" * 8, "all": "0" * 64})
    layout = [TensorSpec.of(name, tensor) for name, tensor in TENSORS.items()]
    written = stream_safetensors(path, layout, lambda spec: TENSORS[spec.name], {"a lure": lure, "part": "old"}, seals)
    payload = path.read_bytes()[read_header(path).data_start :]
    assert len(payload) == 38
    assert read_header(path).metadata == {
        "a lure": lure,
        "all": hashlib.sha256(payload).hexdigest(),
        "part": "0x" + hashlib.sha256(b"before" + payload[start:end]).hexdigest()[:8],
        "sshs_model_hash": written.sha256,
    }
