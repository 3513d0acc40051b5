"""`lbw extract` and `lbw into-checkpoint`."""

import argparse
import json
from pathlib import Path

import pytest
import torch

from lib_lbw.cli import extract, into_checkpoint, rerun
from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.digest import payload_digest
from tests.merge_checkpoint.tiny import save, single_file, tiny, tuned


def call(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for module in (extract, into_checkpoint, rerun):
        module.add(commands)
    arguments = parser.parse_args([str(word) for word in words])
    status: int = arguments.run(arguments)
    return status


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, base = tmp_path_factory.mktemp("cli"), tiny("sd1")
    models = (("tuned", tuned(base, only=("te1",))), ("base", base))
    a, b = (save(folder / f"{name}.safetensors", single_file(model)) for name, model in models)
    return a, b


def test_there_and_back(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--full-rank", "--biases", "--dtype", "fp32", "--lora-dir", tmp_path)
    assert call("extract", *pair, "--out", "mine", *words) == 0
    told = capsys.readouterr()
    assert "TE1" in told.out
    assert "te1 differs by" in told.out
    assert "MB, 0:00 left" in told.err
    out = tmp_path / "again.safetensors"
    assert call("into-checkpoint", pair[1], "mine", "--out", out, "--lora-dir", tmp_path) == 0
    assert "te1" in capsys.readouterr().out
    one, other = Checkpoint(out), Checkpoint(pair[0])
    for key, slot in other.slots.items():
        torch.testing.assert_close(one.read(one.slots[key]), other.read(slot), rtol=1e-5, atol=1e-6)


def test_json_and_the_dry_run(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lora, out = tmp_path / "l.safetensors", tmp_path / "o.safetensors"
    assert call("extract", *pair, "--out", lora, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["encoders"]["te1"]["taken"]
    assert not lora.exists()
    assert call("extract", *pair, "--out", lora, "--json") == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(lora)
    assert max(module.rank or 0 for module in LoraFile(lora).modules) == 32  # 64 at the most, and the sides are 32
    words = (
        "into-checkpoint",
        pair[1],
        "--prompt",
        f"a cat <lora:{lora.stem}:0.5>",
        "--out",
        out,
        "--lora-dir",
        tmp_path,
    )
    assert call(*words, "--dry-run") == 0
    assert "tensors would change" in capsys.readouterr().out
    assert not out.exists()
    assert call(*words, "--json", "--stochastic", "3", "--dtype", "bf16") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["changed"], set(result["survival"])) == (18, {"te1"})


def test_a_text_encoder_can_be_left_out(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="nothing to extract"):
        call("extract", *pair, "--out", tmp_path / "l.safetensors", "--te", "no")


def test_a_lora_of_two_checkpoints_is_extracted_again(pair: tuple[Path, Path], tmp_path: Path) -> None:
    one, again = tmp_path / "one.safetensors", tmp_path / "again.safetensors"
    assert call("extract", *pair, "--out", one, "--rank", "3", "--biases", "--te", "yes") == 0
    assert call("rerun", one, "--out", again, "--lora-dir", pair[0].parent) == 0
    assert payload_digest(one) == payload_digest(again)


def test_loras_are_built_in_again(pair: tuple[Path, Path], tmp_path: Path) -> None:
    lora, one, again = (tmp_path / f"{name}.safetensors" for name in ("lora", "one", "again"))
    assert call("extract", *pair, "--out", lora, "--rank", "3") == 0
    words = ("--dtype", "fp16", "--stochastic", "5", "--out", one)
    assert call("into-checkpoint", pair[1], f"{lora}:0.5", *words) == 0
    with pytest.raises(MergeError, match=r"base\.safetensors is not there any more"):
        call("rerun", one, "--out", again)
    with pytest.raises(MergeError, match="was changed since"):
        call("rerun", one, "--out", again, "--base", pair[0])
    assert call("rerun", one, "--out", again, "--base", pair[1]) == 0
    assert payload_digest(one) == payload_digest(again)
    with pytest.raises(MergeError, match="--overwrite"):
        call("rerun", one)
