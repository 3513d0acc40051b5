"""`inspect` and `loras`: what is said of files."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.cli.library import find_lora, known_loras
from lib_lbw.demo import demo_lora_names
from lib_lbw.errors import LoraFileError


def test_inspect_tells_family_blocks_and_ranks(run: Any, folder: Path) -> None:
    status, out, _ = run("inspect", folder / "plain.safetensors")
    assert status == 0
    assert "family     Stable Diffusion 1.x." in out
    assert "rank       4\n" in out
    assert [line.split()[:2] for line in out.split("\n\n")[1].splitlines()] == [
        ["BLOCK", "MODULES"],
        ["BASE", "1"],
        ["IN04", "1"],
        ["MID", "1"],
        ["OUT03", "1"],
    ]


def test_inspect_by_name_and_as_json(run: Any, folder: Path) -> None:
    _, out, _ = run("inspect", "large 日本", "--lora-dir", folder, "--json")
    summary = json.loads(out)
    assert (summary["family"], summary["modules"], summary["ranks"]) == ("sdxl", 4, {"4": 4})
    assert "日本" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["plan"], "the nearest is plain"),
        (["xxxxxxxxxx"], "there is no file and no LoRA called xxxxxxxxxx\n"),
        (["broken"], "broken.safetensors"),
        (["model.ckpt"], "pickle"),
    ],
)
def test_inspect_says_why_not(run: Any, folder: Path, words: list[str], sentence: str) -> None:
    status, _, err = run("inspect", *words, "--lora-dir", folder)
    assert status == 2
    assert sentence in err


def test_loras_lists_the_embedded_ones_first_and_faulty_ones_too(run: Any, folder: Path) -> None:
    status, out, _ = run("loras", "--lora-dir", folder, "--json")
    found = json.loads(out)
    assert status == 0
    assert [entry["name"] for entry in found] == [*demo_lora_names(), "broken", "large 日本", "plain"]
    assert "error" in found[-3]
    assert found[-1]["ranks"] == [4]
    _, out, _ = run("loras", "--lora-dir", folder)
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", *(entry["name"].split()[0] for entry in found)]
    assert "faulty" in out


def test_a_folder_that_is_not_there(run: Any, tmp_path: Path) -> None:
    status, _, err = run("loras", "--lora-dir", tmp_path / "none")
    assert (status, err) == (2, f"lbw: {tmp_path / 'none'} is no folder\n")


def test_of_two_files_with_one_name_the_first_counts(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.safetensors").touch()
    assert known_loras([folder, tmp_path], embedded=False)["plain"] == folder / "plain.safetensors"
    assert set(known_loras([tmp_path], embedded=False)) == {"plain"}


def test_a_name_goes_before_a_file_and_a_path_is_a_path(folder: Path) -> None:
    loras = known_loras([folder], embedded=False)
    assert find_lora("plain", loras) == folder / "plain.safetensors"
    assert find_lora("some/where.safetensors", loras) == Path("some/where.safetensors")
    with pytest.raises(LoraFileError):
        find_lora("nowhere", {})
