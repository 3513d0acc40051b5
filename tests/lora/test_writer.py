"""The writer: bytes of the reference implementation, reproducible, complete or not there at all."""

import hashlib
import json
import os
import stat
import threading
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save

from lib_lbw.errors import LoraFileError
from lib_lbw.lora.header import read_header
from lib_lbw.lora.storage import TORCH_DTYPES
from lib_lbw.lora.writer import TensorSpec, stream_safetensors, write_safetensors

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
TENSORS = st.dictionaries(
    TEXT.filter(lambda name: name not in ("", "__metadata__")),
    st.tuples(st.sampled_from(list(TORCH_DTYPES.values())), st.lists(st.integers(0, 3), max_size=3)),
    min_size=1,
    max_size=6,
)


def filled(dtype, shape, start):
    return torch.arange(start, start + torch.Size(shape).numel()).reshape(shape).to(dtype)


def payload(content: bytes) -> bytes:
    return content[8 + int.from_bytes(content[:8], "little") :]


@given(specs=TENSORS, metadata=st.dictionaries(TEXT, TEXT, max_size=3), backwards=st.booleans())
def test_agrees_with_the_reference_implementation(tmp_path, specs, metadata, backwards):
    tensors = {name: filled(dtype, shape, index) for index, (name, (dtype, shape)) in enumerate(specs.items())}
    path = tmp_path / "x.safetensors"
    order = reversed(list(tensors.items())) if backwards else iter(tensors.items())
    written = write_safetensors(path, order, metadata)
    content = path.read_bytes()
    expected = save(tensors, metadata)
    assert payload(content) == payload(expected)
    loaded = load_file(path)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name].reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))
    with safe_open(path, "pt") as reference:
        assert reference.metadata() == {**metadata, "sshs_model_hash": written.sha256}
    assert written.sha256 == hashlib.sha256(payload(content)).hexdigest()
    assert written.size == len(content)


def test_the_bytes_are_these(tmp_path):
    path = tmp_path / "x.safetensors"
    tensors = {
        "b.alpha": torch.tensor(4.0),
        "a.lora_up.weight": torch.tensor([[1.0, 2.0]], dtype=torch.float16),
        "a.alpha": torch.tensor(8.0),
    }
    write_safetensors(path, tensors.items(), {"ss_output_name": "é", "a": "1"})
    body = bytes.fromhex("0000004100008040003c0040")
    header = (
        '{"__metadata__":{"a":"1","ss_output_name":"é","sshs_model_hash":"' + hashlib.sha256(body).hexdigest() + '"},'
        '"a.alpha":{"dtype":"F32","shape":[],"data_offsets":[0,4]},'
        '"b.alpha":{"dtype":"F32","shape":[],"data_offsets":[4,8]},'
        '"a.lora_up.weight":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}'
    ).encode()
    header += b" " * (-len(header) % 8)
    assert path.read_bytes() == len(header).to_bytes(8, "little") + header + body


def test_a_hash_of_the_source_is_replaced_even_where_a_text_looks_like_it(tmp_path):
    path = tmp_path / "x.safetensors"
    lure = json.dumps({"sshs_model_hash": "0" * 64})
    written = write_safetensors(path, [("a", torch.ones(1))], {"a": lure, "sshs_model_hash": "stale"})
    assert read_header(path).metadata == {"a": lure, "sshs_model_hash": written.sha256}


def test_tensors_are_taken_as_they_are_seen(tmp_path):
    path = tmp_path / "x.safetensors"
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"transposed": whole.T, "column": whole[:, 1], "grad": whole[0].clone().requires_grad_()}
    write_safetensors(path, tensors.items(), {})
    for name, tensor in load_file(path).items():
        assert torch.equal(tensor, tensors[name].detach())


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    alive = []

    def tensor():
        assert all(reference() is None for reference in alive)
        made = torch.ones(100)
        alive.append(weakref.ref(made))
        return made

    names = ("a", "b", "c")
    write_safetensors(tmp_path / "x.safetensors", ((name, tensor()) for name in names), {})
    layout = [TensorSpec(name, "F32", (100,)) for name in names]
    stream_safetensors(tmp_path / "x.safetensors", layout, lambda spec: tensor(), {})
    assert len(alive) == 6


def test_streaming_asks_in_the_order_of_the_file(tmp_path):
    layout = [TensorSpec("b", "F16", (2,)), TensorSpec("a", "F16", (1,)), TensorSpec("c", "F32", (1,))]
    asked = []

    def read(spec):
        asked.append(spec.name)
        return torch.ones(spec.shape, dtype=TORCH_DTYPES[spec.dtype])

    stream_safetensors(tmp_path / "x.safetensors", layout, read, {})
    assert asked == ["c", "a", "b"]
    with pytest.raises(LoraFileError, match="c is not what was announced"):
        stream_safetensors(tmp_path / "y.safetensors", layout, lambda spec: torch.ones(3), {})


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.float8_e4m3fn]
)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_refused_by_name_and_nothing_changes(tmp_path, dtype, number):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"old")
    # F8_E4M3 has no infinity
    broken = torch.tensor([1.0, float("nan") if dtype == torch.float8_e4m3fn else number]).to(dtype)
    with pytest.raises(LoraFileError, match=r"module\.lora_up\.weight holds a number that is not finite"):
        write_safetensors(path, [("ok", torch.ones(1)), ("module.lora_up.weight", broken)], {})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, LoraFileError])
def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"old")

    def read(spec):
        assert len(list(tmp_path.iterdir())) == 2
        raise error("stop")

    with pytest.raises(error, match="stop"):
        stream_safetensors(path, [TensorSpec("a", "F32", (1,))], read, {})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said(tmp_path):
    one = torch.ones(1)
    with pytest.raises(LoraFileError, match="a would be written twice"):
        write_safetensors(tmp_path / "x.safetensors", [("a", one), ("a", one)], {})
    with pytest.raises(LoraFileError, match=r"a: torch\.complex64 cannot be written"):
        write_safetensors(tmp_path / "x.safetensors", [("a", one.to(torch.complex64))], {})
    with pytest.raises(LoraFileError, match="cannot be written: No such file or directory"):
        write_safetensors(tmp_path / "none" / "x.safetensors", [("a", one)], {})
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    path = tmp_path / "x.safetensors"
    begun, go_on = threading.Event(), threading.Event()

    def read(spec):
        begun.set()
        assert go_on.wait(10)
        return torch.ones(1)

    layout = [TensorSpec("a", "F32", (1,))]
    first = threading.Thread(target=stream_safetensors, args=(path, layout, read, {}))
    first.start()
    assert begun.wait(10)
    with pytest.raises(LoraFileError, match="cannot be written: File exists"):
        stream_safetensors(path, layout, lambda spec: torch.zeros(1), {})
    go_on.set()
    first.join()
    assert load_file(path)["a"] == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_file_has_ordinary_permissions(tmp_path):
    write_safetensors(tmp_path / "x.safetensors", [("a", torch.ones(1))], {})
    (tmp_path / "plain").touch()
    mode = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "x.safetensors").stat().st_mode) == mode
