"""Files that are no checkpoint, or one in numbers that nothing can be added to: a sentence each."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import CheckpointError, MergeError
from lib_lbw.merge.checkpoint.into import run_into
from lib_lbw.merge.checkpoint.into_plan import plan_into
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.recipe import Recipe, Source
from tests.merge_checkpoint.tiny import save, single_file, tiny, write_lora

KEY = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q"
ID = ModuleId("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q")


@pytest.mark.parametrize("ending", ["ckpt", "pt", "bin", "pth"])
def test_a_pickle_is_refused_with_the_way_out(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    torch.save({"state_dict": {"x": torch.zeros(2)}, "step": 3}, path)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint(path)
    told = str(caught.value)
    assert "can run any program" in told
    command = told.split('python -c "')[1].removesuffix('"')
    source = command.replace("'model.", f"'{tmp_path.as_posix()}/model.")
    exec(compile(source, "<told>", "exec"), {})  # the way out works as it is told
    with pytest.raises(CheckpointError, match="no checkpoint of SD 1"):
        Checkpoint(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("start", "told"), [(b"GGUF\x03\0\0\0", "GGUF"), (b"PK\x03\x04", "zip archive or a pickle"), (b"", "empty")]
)
def test_other_formats_are_told_apart(start: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(start + b"\xff" * (200 if start else 0))
    with pytest.raises(CheckpointError, match=told):
        Checkpoint(path)
    with pytest.raises(CheckpointError, match="is a folder"):
        Checkpoint(tmp_path)


def test_other_models_are_refused(tmp_path: Path) -> None:
    refiner = save(tmp_path / "r.safetensors", {"conditioner.embedders.0.model.ln_final.weight": torch.zeros(4)})
    with pytest.raises(CheckpointError, match="SDXL refiner"):
        Checkpoint(refiner)
    flux = save(
        tmp_path / "f.safetensors", {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": torch.zeros(6, 2)}
    )
    with pytest.raises(CheckpointError, match="no checkpoint of SD 1, SD 2 or SDXL"):
        Checkpoint(flux)


@pytest.mark.parametrize("end", ["weight.absmax", "weight.quant_state.bitsandbytes__nf4"])
def test_four_bits_are_refused(end: str, tmp_path: Path) -> None:
    tensors = single_file(tiny("sd1"))
    path = save(tmp_path / "m.safetensors", {**tensors, f"{KEY}.{end}": torch.zeros(4)})
    with pytest.raises(CheckpointError, match="4 bits"):
        Checkpoint(path)


def test_whole_numbers_are_refused(tmp_path: Path) -> None:
    tensors = single_file(tiny("sd1"))
    path = save(tmp_path / "m.safetensors", {**tensors, f"{KEY}.weight": torch.zeros(16, 16, dtype=torch.int8)})
    with pytest.raises(CheckpointError, match="stored as I8"):
        Checkpoint(path)


EIGHT = torch.float8_e4m3fn


def eight_bits(path: Path, end: str | None, scale: torch.Tensor) -> dict[str, torch.Tensor]:
    """A checkpoint whose first to_q lies in 8 bits, as ComfyUI stores it."""
    tensors = {name: tensor.clone().contiguous() for name, tensor in single_file(tiny("sd1")).items()}
    tensors[f"{KEY}.weight"] = (tensors[f"{KEY}.weight"] / scale.reshape(-1, 1)).to(EIGHT)
    if end is not None:
        tensors |= {f"{KEY}.{end}": scale, "scaled_fp8": torch.zeros(0, dtype=EIGHT)}
    save_file(tensors, path)
    return tensors


@pytest.mark.parametrize(
    ("end", "scale"), [("scale_weight", torch.tensor(0.01)), ("weight_scale", torch.full((16,), 0.02))]
)
def test_eight_bits_with_scales_become_wider(end: str, scale: torch.Tensor, tmp_path: Path) -> None:
    base = tmp_path / "m.safetensors"
    tensors = eight_bits(base, end, scale)
    checkpoint = Checkpoint(base)
    wide = tensors[f"{KEY}.weight"].float() * scale.reshape(-1, 1)
    assert torch.equal(checkpoint.read(checkpoint.slots[ID, "weight"]), wide)
    pair = {"lora_up.weight": torch.ones(16, 1), "lora_down.weight": torch.ones(1, 16)}
    sources = (Source(write_lora(tmp_path / "l.safetensors", "sd1", {ID: pair})),)
    with pytest.raises(MergeError, match="choose fp16, bf16 or fp32"):
        plan_into(Recipe("into-checkpoint", sources, tmp_path / "o.safetensors", base=base))
    plan = plan_into(Recipe("into-checkpoint", sources, tmp_path / "o.safetensors", base=base, dtype="fp32"))
    result = run_into(plan)
    found = Checkpoint(result.path)
    assert not found.in_eight_bits
    assert found.header.tensors.keys() == checkpoint.header.tensors.keys() - {f"{KEY}.{end}", "scaled_fp8"}
    assert torch.equal(found.read(found.slots[ID, "weight"]), wide + 1)


def test_eight_bits_without_scales_are_refused(tmp_path: Path) -> None:
    base = tmp_path / "m.safetensors"
    eight_bits(base, None, torch.tensor(1.0))
    with pytest.raises(CheckpointError, match="8 bits without a scale"):
        Checkpoint(base)


def test_a_scale_that_does_not_fit_is_told(tmp_path: Path) -> None:
    base = tmp_path / "m.safetensors"
    eight_bits(base, "scale_weight", torch.tensor(0.01))
    tensors = eight_bits(base, "scale_weight", torch.tensor(0.01))
    save_file({**tensors, f"{KEY}.scale_weight": torch.ones(5)}, base)
    checkpoint = Checkpoint(base)
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoint.read(checkpoint.slots[ID, "weight"])


def test_a_file_that_was_changed_meanwhile_is_told(tmp_path: Path) -> None:
    base = save(tmp_path / "m.safetensors", single_file(tiny("sd1")))
    checkpoint = Checkpoint(base)
    save(base, {**single_file(tiny("sd1")), "more": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="was changed since"):
        checkpoint.read(checkpoint.slots[ID, "weight"])


def test_a_disk_that_is_full_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save(tmp_path / "m.safetensors", single_file(tiny("sd1")))
    pair = {"lora_up.weight": torch.ones(16, 1), "lora_down.weight": torch.ones(1, 16)}
    sources = (Source(write_lora(tmp_path / "l.safetensors", "sd1", {ID: pair})),)
    plan = plan_into(Recipe("into-checkpoint", sources, tmp_path / "o.safetensors", base=base))
    for free, enough in ((plan.size, False), (int(plan.size * 1.1), True)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if enough:
            assert run_into(plan).path.is_file()
        else:
            with pytest.raises(MergeError, match="are free"):
                run_into(plan)
            assert not (tmp_path / "o.safetensors").exists()
