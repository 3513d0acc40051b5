"""The header reader: sound files open as the reference implementation opens them, all others name their fault."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file

from lib_lbw.errors import LoraFileError
from lib_lbw.lora.header import ITEM_SIZES, MAX_HEADER, read_header

GOOD = {"a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}}


def packed(header: object, payload: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + payload


@pytest.fixture
def fault(tmp_path: Path):
    def read(content: bytes) -> str:
        path = tmp_path / "x.safetensors"
        path.write_bytes(content)
        with pytest.raises(LoraFileError) as caught:
            read_header(path)
        return str(caught.value)

    return read


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.tuples(
            st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.float8_e4m3fn, torch.bool]),
            st.lists(st.integers(0, 3), max_size=4),
        ),
        min_size=1,  # the reference writes a broken file when there is nothing to write
        max_size=5,
    ),
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), max_size=3),
)
def test_agrees_with_the_reference_implementation(tmp_path, tensors, metadata):
    path = tmp_path / "x.safetensors"
    save_file({name: torch.zeros(shape, dtype=dtype) for name, (dtype, shape) in tensors.items()}, path, metadata)
    header = read_header(path)
    with safe_open(path, "pt") as reference:
        assert set(header.tensors) == set(reference.keys())
        assert dict(header.metadata) == (reference.metadata() or {})
        for name, info in header.tensors.items():
            view = reference.get_slice(name)
            assert (list(info.shape), info.dtype) == (view.get_shape(), view.get_dtype())
    assert header.size == path.stat().st_size


def test_offsets_are_file_offsets(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.arange(6, dtype=torch.uint8), "b": torch.tensor([7], dtype=torch.uint8)}, path)
    info = read_header(path).tensors["a"]
    assert path.read_bytes()[info.start : info.end] == bytes(range(6))


FAULTS = {
    "is empty": b"",
    "truncated inside its header: 100 bytes announced, 2 there": packed(b"{}", length=100),
    "too short": packed(b"{", length=1) + b" ",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
    "web page": b"\n<!DOCTYPE html><html><head>" + b" " * 100,
    "zip archive": b"PK\x03\x04\x00\x00\x08\x08" + b"x" * 50,
    "is a pickle": b"\x80\x02}q\x00X\x05\x00\x00" + b"x" * 50,
    "GGUF": b"GGUF\x03\x00\x00\x00" + b"x" * 50,
    "begins with no header length": b"hello world, this is text",
    "is not JSON": packed(b'{"a": '),
    "header is not JSON.": packed(b"{" * 20_000),
    "is not a JSON object": packed(b" {}"),
    "holds 'a' twice": packed(b'{"a":{},"a":{}}'),
    "metadata is not a JSON object": packed({"__metadata__": []}),
    "metadata entry 'n' is not text": packed({"__metadata__": {"n": 1}}),
    "unknown dtype 'F7'": packed({"a": {**GOOD["a"], "dtype": "F7"}}, b"x" * 12),
    "needs 12 bytes, its offsets span 13": packed({"a": {**GOOD["a"], "data_offsets": [0, 13]}}, b"x" * 13),
    "11 bytes are missing": packed(GOOD, b"x"),
    "3 bytes after its last tensor": packed(GOOD, b"x" * 15),
    "hole before 'a'": packed({"a": {**GOOD["a"], "data_offsets": [1, 13]}}, b"x" * 13),
    "'b' overlaps": packed({**GOOD, "b": {**GOOD["a"], "data_offsets": [6, 18]}}, b"x" * 18),
}


@pytest.mark.parametrize(("sentence", "content"), FAULTS.items(), ids=FAULTS)
def test_each_fault_has_its_own_sentence(fault, sentence, content):
    assert sentence in fault(content)


@pytest.mark.parametrize(
    "entry",
    [
        5,
        None,
        {},
        {"dtype": "F16", "shape": [2, 3]},
        {"dtype": "F16", "shape": [2, -3], "data_offsets": [0, 12]},
        {"dtype": "F16", "shape": [2, 3.0], "data_offsets": [0, 12]},
        {"dtype": "F16", "shape": [True, 6], "data_offsets": [0, 12]},
        {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12, 13]},
        {"dtype": "F16", "shape": [1] * 9, "data_offsets": [0, 2]},
        {"dtype": 16, "shape": [2, 3], "data_offsets": [0, 12]},
    ],
)
def test_an_odd_entry_is_refused_by_name(fault, entry):
    assert "the entry of 'a' lacks" in fault(packed({"a": entry}, b"x" * 12))


@pytest.mark.parametrize("header", [{"\ud800": GOOD["a"]}, {**GOOD, "__metadata__": {"k": "\ud800"}}])
def test_half_a_character_is_refused_as_the_reference_refuses_it(fault, header):
    assert "the header is not JSON" in fault(packed(header, bytes(12)))
    with pytest.raises(SafetensorError):
        load(packed(header, bytes(12)))


def test_the_length_limit_is_that_of_the_reference(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as stream:
        stream.write((MAX_HEADER + 1).to_bytes(8, "little") + b"{}")
        stream.truncate(MAX_HEADER + 100)
    with pytest.raises(LoraFileError, match="no header length"):
        read_header(path)


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "character.safetensors").touch()
    with pytest.raises(LoraFileError, match=r"nearest name there is character\.safetensors"):
        read_header(tmp_path / "charakter.safetensors")
    with pytest.raises(LoraFileError, match=r"xyz does not exist\.$"):
        read_header(tmp_path / "xyz")
    with pytest.raises(LoraFileError, match="there is no folder"):
        read_header(tmp_path / "none" / "x.safetensors")
    with pytest.raises(LoraFileError, match="is a folder"):
        read_header(tmp_path)
    with pytest.raises(LoraFileError, match="does not exist"):
        read_header(tmp_path / "nul\0byte")


def read_or_refuse(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        header = read_header(path)
    except LoraFileError as error:
        str(error).encode()
    else:
        assert sum(info.end - info.start for info in header.tensors.values()) == len(content) - header.data_start


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(tmp_path, content):
    read_or_refuse(tmp_path / "x.safetensors", content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*ITEM_SIZES, "F4"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
NUMBERS = st.lists(st.integers(-1, 2**70) | st.integers(0, 12), max_size=3)
ENTRY = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F16", "F32", "BF16"]) | JSON, "shape": NUMBERS | JSON, "data_offsets": NUMBERS | JSON}
)


@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__", "\ud800"]), ENTRY | JSON), st.binary(max_size=24))
@example({"\ud800": GOOD["a"]}, b"x" * 12)
@example({"a": {**GOOD["a"], "data_offsets": [0, 2**5000]}}, b"x" * 12)
def test_hostile_headers_never_raise_anything_else(tmp_path, header, payload):
    read_or_refuse(tmp_path / "x.safetensors", packed(header, payload))


@given(st.data())
def test_mutated_files_never_raise_anything_else(tmp_path, data):
    content = bytearray(packed({**GOOD, "__metadata__": {"k": "v"}}, bytes(12)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    read_or_refuse(tmp_path / "x.safetensors", bytes(content))
