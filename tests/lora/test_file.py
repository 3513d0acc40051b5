"""Opening LoRA files: modules, blocks, numbers and everything that is refused."""

import json
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import LoraFileError, UnsupportedLoraError
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.storage import TORCH_DTYPES
from tests.lora.make_lora import FORMS, make_state

Q = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
K = "lora_unet_up_blocks_1_attentions_1_transformer_blocks_0_attn2_to_k"
TE = "lora_te_text_model_encoder_layers_3_self_attn_q_proj"
CONV = "lora_unet_mid_block_resnets_0_conv1"
SD1 = {Q: (64, 64), K: (64, 768), TE: (48, 48)}


def test_modules_blocks_and_numbers(lora_files):
    file = LoraFile(lora_files.write("my lora", SD1, rank=4, alpha=2.0, metadata={"ss_output_name": "x"}))
    assert file.name == "my lora"
    assert file.family.id == "sd1"
    assert file.family_reason
    assert file.metadata["ss_output_name"] == "x"
    assert [m.spelled for m in file.modules] == [TE, Q, K]
    assert {(m.algorithm, m.rank, m.alpha, m.strength) for m in file.modules} == {("lora", 4, 2.0, 0.5)}
    assert list(file.blocks) == ["TE1", "IN04", "OUT04"] or list(file.blocks) == ["TE", "IN04", "OUT04"]
    assert file.present() == ("BASE", "IN04", "OUT04")
    assert set(file.present()) | set(file.absent()) == set(file.family.shown())
    assert file.unknown_keys == ()
    assert sum(m.nbytes for m in file.modules) == file.header.size - file.header.data_start


@pytest.mark.parametrize("form", FORMS)
def test_every_form_opens_and_gives_its_delta(lora_files, form):
    shapes = {CONV: (8,) if form == "norm" else (8, 6, 3, 3)}
    state = make_state(shapes, form, alpha=1.0) | make_state({K: (8, 768)})
    file = LoraFile(lora_files.save("x", state))
    module = next(m for m in file.modules if m.spelled == CONV)
    delta = module_delta(module, file.read(module), base=torch.randn(shapes[CONV]))
    assert torch.isfinite(delta.weight).all()
    assert file.family.id == "sd1"


def test_read_gives_the_stored_tensors(lora_files):
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float8_e4m3fn, torch.float8_e5m2):
        state = make_state(SD1, dtype=dtype, alpha=4.0)
        file = LoraFile(lora_files.save("x", state))
        for module in file.modules:
            for role, tensor in file.read(module).items():
                expected = state[module.tensors[role].name]
                assert tensor.dtype == expected.dtype
                assert tensor.shape == expected.shape
                assert torch.equal(tensor.flatten().view(torch.uint8), expected.flatten().view(torch.uint8))


@given(
    alpha=st.integers(1, 100),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32]),
    shape=st.sampled_from([(), (1,), (1, 1)]),
)
def test_alpha_is_read_in_every_storage(lora_files, alpha, dtype, shape):
    state = make_state({K: (8, 768)}) | {f"{K}.alpha": torch.full(shape, alpha, dtype=dtype)}
    (module,) = LoraFile(lora_files.save("x", state)).modules
    assert module.alpha == alpha
    assert module.strength == alpha / 4


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_an_alpha_that_is_no_number_is_refused(lora_files, number):
    state = make_state({K: (8, 768)}, alpha=number)
    with pytest.raises(LoraFileError, match=f"{K}: alpha or scale is not a finite number"):
        LoraFile(lora_files.save("x", state))
    (module,) = LoraFile(lora_files.save("y", make_state({K: (8, 768)}, "lokr_full", alpha=number))).modules
    assert module.strength == 1


def test_an_alpha_of_two_numbers_is_refused(lora_files):
    state = make_state({K: (8, 768)}) | {f"{K}.alpha": torch.ones(2)}
    with pytest.raises(LoraFileError, match="alpha is not a single number"):
        LoraFile(lora_files.save("x", state))


def test_a_missing_partner_is_named_with_its_module(lora_files):
    state = make_state(SD1)
    del state[f"{Q}.lora_down.weight"]
    with pytest.raises(LoraFileError, match=f"{Q} has lora_up without lora_down"):
        LoraFile(lora_files.save("x", state))


def test_two_spellings_of_one_tensor_are_refused(lora_files):
    state = make_state({Q: (8, 8), K: (8, 768)})
    state["unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight"] = torch.zeros(4, 8)
    with pytest.raises(LoraFileError, match="two spellings of the same tensor"):
        LoraFile(lora_files.save("x", state))


def test_unknown_keys_are_kept_by_name(lora_files):
    state = make_state(SD1) | {"bundle_emb.thing.string_to_param.*": torch.zeros(2, 768)}
    assert LoraFile(lora_files.save("x", state)).unknown_keys == ("bundle_emb.thing.string_to_param.*",)


def test_a_file_without_lora_and_a_checkpoint_are_refused(lora_files):
    with pytest.raises(LoraFileError, match="holds no LoRA"):
        LoraFile(lora_files.save("x", {"something": torch.zeros(1)}))
    state = {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(8, 4, 3, 3)}
    with pytest.raises(LoraFileError, match="is a model or checkpoint, not a LoRA"):
        LoraFile(lora_files.save("x", state | {"model.diffusion_model.input_blocks.0.0.bias": torch.zeros(8)}))


@pytest.mark.parametrize("suffix", [".pt", ".CKPT", ".bin", ".pth"])
def test_pickles_are_never_opened_and_the_way_out_is_named(tmp_path, suffix):
    path = tmp_path / f"old{suffix}"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(LoraFileError, match=r"is a pickle.*any program.*weights_only=True") as caught:
        LoraFile(path)
    assert f"torch.load('old{suffix}'" in str(caught.value)


def test_the_way_out_of_a_pickle_works(tmp_path, monkeypatch):
    path = tmp_path / "old.pt"
    torch.save(make_state(SD1), path)
    with pytest.raises(LoraFileError) as caught:
        LoraFile(path)
    command = str(caught.value).split('python -c "')[1].rstrip('"')
    monkeypatch.chdir(tmp_path)
    exec(command, {})
    assert len(LoraFile(tmp_path / "old.safetensors").modules) == 3


def test_a_file_that_changed_since_is_not_read(lora_files):
    path = lora_files.write("x", SD1)
    file = LoraFile(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(LoraFileError, match="was changed since it was opened"):
        file.read(file.modules[0])
    path.unlink()
    with pytest.raises(LoraFileError, match="cannot be read: No such file"):
        file.read(file.modules[0])


def test_a_dtype_torch_has_not_is_refused_only_when_read(tmp_path):
    assert "F8_E8M0" not in TORCH_DTYPES
    shapes = {f"{K}.lora_up.weight": [8, 1], f"{K}.lora_down.weight": [1, 768]}
    ends = {name: 8 if "lora_up" in name else 776 for name in shapes}
    header = {
        name: {"dtype": "F8_E8M0", "shape": shape, "data_offsets": [ends[name] - max(shape), ends[name]]}
        for name, shape in shapes.items()
    }
    raw = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(776))
    file = LoraFile(path)
    with pytest.raises(UnsupportedLoraError, match="F8_E8M0, which cannot be read"):
        file.read(file.modules[0])


def test_the_summary_is_json(lora_files):
    state = make_state({Q: (8, 8), K: (8, 768)}, alpha=2.0) | make_state({TE: (4, 4)}, "loha", rank=2)
    summary = LoraFile(lora_files.save("x", state)).summary()
    assert json.loads(json.dumps(summary)) == summary
    assert summary["algorithms"] == {"lora": 2, "loha": 1}
    assert summary["ranks"] == {"4": 2, "2": 1}
    assert summary["alphas"] == {"2": 2}
    assert summary["without_alpha"] == 1
    assert summary["components"] == {"unet": 2, "te1": 1}
    assert summary["blocks"]["IN04"]["modules"] == 1


def test_opening_a_file_needs_no_torch(lora_files):
    path = lora_files.write("x", SD1, alpha=2.0)
    code = (
        "import sys; from lib_lbw.lora.file import LoraFile; print(LoraFile(sys.argv[1]).summary()['modules']); "
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr
